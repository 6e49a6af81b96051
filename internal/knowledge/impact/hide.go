package impact

import "strings"

// hidden is a text without its secrets.
func (w *world) hidden(text string) string {
	if w.in.Hide == nil {
		return text
	}
	return w.in.Hide(text)
}

// shown is a text of the repository without its secrets, in one line and not too
// long. It is cut last: half a secret is not known as one.
func (w *world) shown(text string) string { return shown(w.hidden(text)) }

// quoted is what is shown of a line; the line before it may say that it is a secret.
func (w *world) quoted(l line) string {
	if l.before == "" {
		return w.shown(l.text)
	}
	both := w.hidden(l.before + "\n" + l.text)
	if i := strings.LastIndexByte(both, '\n'); i >= 0 {
		both = both[i+1:]
	}
	return shown(both) // both lines were one secret when no line is left
}

// hide takes the secrets out of what the report took over from outside. Names of
// services are clean already (see add), and texts in which lines are quoted are
// hidden before they are cut (see shown).
func (w *world) hide(r *Report) {
	if w.in.Hide == nil {
		return
	}
	known := map[string]string{} // the ways of services repeat each other
	each := func(all ...*string) {
		for _, s := range all {
			hidden, ok := known[*s]
			if !ok {
				hidden = w.hidden(*s)
				known[*s] = hidden
			}
			*s = hidden
		}
	}
	list := func(all []string) {
		for i := range all {
			each(&all[i])
		}
	}
	claims := func(all []Claim) {
		for i := range all {
			each(&all[i].Text, &all[i].Where.Path)
		}
	}
	each(&r.Subject.Name, &r.Subject.Why, &r.Quiet.Why)
	claims(r.Subject.Named)
	claims(r.Downtime.Stated)
	for i := range r.Services {
		if w.ended() != nil {
			return
		}
		s := &r.Services[i]
		each(&s.Owner, &s.Query)
		list(s.Basis)
		claims(s.Claims)
		for j := range s.Live {
			each(&s.Live[j].Text)
		}
	}
	for i := range r.Undeclared {
		each(&r.Undeclared[i].Seen)
	}
	for i := range r.Requirements {
		if w.ended() != nil {
			return
		}
		r.Requirements[i].hide(each)
	}
	for i := range r.Notify {
		each(&r.Notify[i].Name, &r.Notify[i].Channel)
		list(r.Notify[i].Why)
	}
	list(r.Missing)
}

func (r *Requirement) hide(each func(...*string)) {
	each(&r.Title, &r.Owner, &r.Where.Path)
	for i := range r.Stories {
		each(&r.Stories[i].Title, &r.Stories[i].Where.Path)
	}
	for i := range r.KPIs {
		each(&r.KPIs[i].Text, &r.KPIs[i].Where.Path)
	}
	if r.Revenue != nil {
		each(&r.Revenue.Text, &r.Revenue.Where.Path)
	}
}
