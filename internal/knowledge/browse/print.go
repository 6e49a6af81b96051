package browse

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

var errTooLarge = errors.New("too large")

// RegisterFuncs replaces what goldmark makes of everything that may lead out of the
// page: links, images and HTML. The rest it renders itself, escaped.
func (p *printer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	for kind, fn := range map[ast.NodeKind]renderer.NodeRendererFunc{
		ast.KindText:           p.text,
		ast.KindHeading:        p.innerHeading,
		ast.KindLink:           p.link,
		ast.KindAutoLink:       p.autoLink,
		ast.KindImage:          p.image,
		ast.KindRawHTML:        p.rawHTML,
		ast.KindHTMLBlock:      p.htmlBlock,
		knowledge.KindWikiLink: p.wikiLink,
		table.KindTable:        p.table,
		kindCallout:            p.callout,
	} {
		r.Register(kind, fn)
	}
}

// text links the IDs of artefacts and the addresses that stand in it.
func (p *printer) text(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.Text)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	if _, err := w.Write(nil); err != nil { // nothing of it is shown, and the rest may be long
		return ast.WalkStop, err //nolint:wrapcheck // of limited
	}
	value := n.Segment.Value(src)
	switch {
	case n.IsRaw():
		html.DefaultWriter.RawWrite(w, value)
	case p.inLink > 0:
		html.DefaultWriter.Write(w, value)
	default:
		p.linkedText(w, string(value))
	}
	switch {
	case n.HardLineBreak(), n.SoftLineBreak() && (labelled(n.NextSibling()) || calledOut(n)):
		_, _ = w.WriteString("<br>\n")
	case n.SoftLineBreak():
		_ = w.WriteByte('\n')
	}
	return ast.WalkContinue, nil
}

// labelled reports whether a line begins in bold type: lines such as
// "**Status**: accepted" stay lines.
func labelled(n ast.Node) bool {
	e, ok := n.(*ast.Emphasis)
	return ok && e.Level == 2
}

// linkedText writes text with links. What follows an ID is looked at for the
// section that is meant, so that is found before the text is cut.
func (p *printer) linkedText(w util.BufWriter, s string) {
	at := 0
	plain := func(to int) {
		if to > at {
			p.urls(w, s[at:to])
			at = to
		}
	}
	for _, m := range p.repository.base.Mentions(p.source.Repo, p.source.Path, s) {
		if m.From < at || m.Link.To == p.source.Artefact {
			continue
		}
		plain(m.From)
		to, ok := p.repository.base.Artefact(m.Link.To)
		if !ok {
			continue
		}
		_, href := p.repository.meant(to, m.Link)
		p.open(w, href, to.ID+" "+p.repository.line(to.Title, maxTitle))
		html.DefaultWriter.Write(w, []byte(s[m.From:m.To]))
		_, _ = w.WriteString("</a>")
		at = m.To
	}
	plain(len(s))
}

// urls writes text with links to the web addresses in it.
func (p *printer) urls(w util.BufWriter, s string) {
	for {
		i := strings.Index(s, "http")
		for i >= 0 && !strings.HasPrefix(s[i:], "https://") && !strings.HasPrefix(s[i:], "http://") {
			next := strings.Index(s[i+1:], "http")
			if next < 0 {
				i = -1
				break
			}
			i += 1 + next
		}
		if i < 0 {
			html.DefaultWriter.Write(w, []byte(s))
			return
		}
		end := i + len(s[i:])
		if n := strings.IndexAny(s[i:], " \t\n<>\"'`|"); n >= 0 {
			end = i + n
		}
		end = i + len(strings.TrimRight(s[i:end], ".,;:!?)]*_"))
		html.DefaultWriter.Write(w, []byte(s[:i]))
		if href, ok := elsewhere(s[i:end]); ok {
			p.open(w, href, "")
			html.DefaultWriter.RawWrite(w, []byte(s[i:end]))
			_, _ = w.WriteString("</a>")
		} else {
			html.DefaultWriter.Write(w, []byte(s[i:end]))
		}
		s = s[end:]
	}
}

// open begins a link.
func (p *printer) open(w util.BufWriter, href, title string) {
	_, _ = w.WriteString(`<a href="`)
	_, _ = w.Write(util.EscapeHTML([]byte(href)))
	_ = w.WriteByte('"')
	if title != "" {
		_, _ = w.WriteString(` title="`)
		_, _ = w.Write(util.EscapeHTML([]byte(title)))
		_ = w.WriteByte('"')
	}
	if !strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "#") {
		_, _ = w.WriteString(` rel="noreferrer noopener nofollow"`)
	}
	_ = w.WriteByte('>')
}

// maxAddress bounds the address of a link: many links may share a long one.
const maxAddress = 2000

// elsewhere is the address of a link that leads out of the repository; ok is false
// for one that would do anything but open a page or write a letter.
func elsewhere(dest string) (string, bool) {
	if len(dest) > maxAddress {
		return "", false
	}
	u, err := url.Parse(dest)
	if err != nil || !slices.Contains([]string{"http", "https", "mailto"}, u.Scheme) || u.Scheme != "mailto" && u.Host == "" {
		return "", false
	}
	return u.String(), true
}

// leads is where a link of the document leads; ok is false when it leads nowhere
// that a page can show.
func (p *printer) leads(dest string) (string, bool) {
	if len(dest) > maxAddress {
		return "", false
	}
	if anchor, ok := strings.CutPrefix(dest, "#"); ok {
		return fragment(anchorWithin(p.anchor(p.source.Repo, p.source.Path, anchor), p.source.Within)), anchor != ""
	}
	d, ok := p.repository.base.Destination(p.source.Repo, p.source.Path, dest, func(path string) bool {
		_, ok := p.repository.files[place{p.source.Repo, path}]
		return ok
	})
	if !ok {
		return elsewhere(dest)
	}
	return p.page(d)
}

// page is the page of a destination in the repository.
func (p *printer) page(d knowledge.Destination) (string, bool) {
	r := p.repository
	a, isArtefact := r.base.Artefact(d.ID)
	if d.ID != "" && isArtefact {
		if own := d.Path == "" || d.Path == a.Path && p.source.Repo == a.Repo; own {
			return Address(a.ID, p.anchor(a.Repo, a.Path, d.Anchor)), true
		}
		at := slices.Index(r.Places(a.ID), knowledge.Place{Repo: p.source.Repo, Path: d.Path})
		return Address(a.ID, anchorWithin(p.anchor(p.source.Repo, d.Path, d.Anchor), max(at, 0))), true
	}
	return FileAddress(p.source.Repo, d.Path, p.anchor(p.source.Repo, d.Path, d.Anchor)), true
}

// anchor is an anchor as the sections of a file write it: people write it in any
// case.
func (p *printer) anchor(repo, path, anchor string) string {
	if anchor == "" {
		return ""
	}
	if decoded, err := url.PathUnescape(anchor); err == nil {
		anchor = decoded
	}
	at := place{repo, path}
	known, ok := p.anchors[at]
	if !ok {
		known = map[string]string{}
		for _, s := range p.repository.sections(repo, path) {
			known[strings.ToLower(s.Anchor)] = Anchor(s, p.repository.hide)
		}
		p.anchors[at] = known
	}
	return cmp.Or(known[strings.ToLower(anchor)], anchor)
}

// link writes a link that leads somewhere, and the words alone of another.
func (p *printer) link(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.Link)
	if !ok {
		return ast.WalkContinue, nil
	}
	return p.anchored(w, string(n.Destination[:min(len(n.Destination), maxAddress+1)]), entering)
}

func (p *printer) anchored(w util.BufWriter, dest string, entering bool) (ast.WalkStatus, error) {
	href, ok := p.leads(dest)
	switch {
	case entering:
		p.inLink++
		if ok {
			p.open(w, href, "")
		} else {
			_, _ = w.WriteString(`<span class="nowhere" title="`)
			_, _ = w.Write(util.EscapeHTML([]byte("not shown here: " + p.repository.line(dest, maxTitle))))
			_, _ = w.WriteString(`">`)
		}
	case ok:
		p.inLink--
		_, _ = w.WriteString("</a>")
	default:
		p.inLink--
		_, _ = w.WriteString("</span>")
	}
	return ast.WalkContinue, nil
}

func (p *printer) wikiLink(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*knowledge.WikiLink)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	dest := knowledge.WikiDestination(n.Target)
	status, err := p.anchored(w, dest, true)
	_, _ = w.Write(util.EscapeHTML([]byte(n.Label)))
	if err == nil {
		status, err = p.anchored(w, dest, false)
	}
	return status, err
}

func (p *printer) autoLink(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.AutoLink)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	dest := string(n.URL(src))
	if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(dest), "mailto:") {
		dest = "mailto:" + dest
	}
	href, ok := elsewhere(dest)
	if ok {
		p.open(w, href, "")
	}
	_, _ = w.Write(util.EscapeHTML(n.Label(src)))
	if ok {
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

// image says what an image shows: none is loaded.
func (p *printer) image(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.Image)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	what := strings.TrimSpace(plain(n, src))
	if what == "" {
		what = string(n.Destination[:min(len(n.Destination), maxTitle)])
	}
	_, _ = w.WriteString(`<span class="image">[image: `)
	_, _ = w.Write(util.EscapeHTML([]byte(p.repository.line(what, maxTitle))))
	_, _ = w.WriteString("]</span>")
	return ast.WalkSkipChildren, nil
}

// rawHTML keeps line breaks and leaves tags and comments out; the words between
// them are text of their own.
func (p *printer) rawHTML(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.RawHTML)
	if ok && entering && n.Segments.Len() > 0 {
		first := n.Segments.At(0)
		if tag := strings.ToLower(string(first.Value(src))); strings.HasPrefix(tag, "<br") && strings.Trim(tag[3:], " />") == "" {
			_, _ = w.WriteString("<br>")
		}
	}
	return ast.WalkSkipChildren, nil
}

// htmlBlock shows HTML as the text that it is; comments are not for readers.
func (p *printer) htmlBlock(w util.BufWriter, src []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.HTMLBlock)
	if !ok || !entering {
		return ast.WalkContinue, nil
	}
	raw := n.Lines().Value(src)
	if n.HasClosure() {
		raw = append(bytes.Clone(raw), n.ClosureLine.Value(src)...)
	}
	if raw = bytes.TrimSpace(raw); bytes.HasPrefix(raw, []byte("<!--")) && bytes.Index(raw, []byte("-->")) == len(raw)-3 {
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString(`<pre class="raw"><code>`)
	_, _ = w.Write(util.EscapeHTML(raw))
	_, _ = w.WriteString("</code></pre>\n")
	return ast.WalkContinue, nil
}

// innerHeading is a heading inside a quote or list.
func (p *printer) innerHeading(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*ast.Heading)
	if !ok {
		return ast.WalkContinue, nil
	}
	level := min(max(n.Level, 3), 6)
	if !entering {
		_, _ = fmt.Fprintf(w, "</h%d>\n", level)
		return ast.WalkContinue, nil
	}
	_, _ = fmt.Fprintf(w, "<h%d", level)
	if s, ok := p.heading[n]; ok && s.Anchor != "" {
		_, _ = w.WriteString(` id="`)
		_, _ = w.Write(util.EscapeHTML([]byte(sectionPrefix + anchorWithin(Anchor(s, p.repository.hide), p.source.Within))))
		_ = w.WriteByte('"')
	}
	_ = w.WriteByte('>')
	if _, here := n.AttributeString("id"); here {
		_, _ = fmt.Fprintf(w, `<span id="%s"></span>`, atLine)
	}
	return ast.WalkContinue, nil
}

// table lets wide tables scroll by themselves.
func (p *printer) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>` + "\n")
	} else {
		_, _ = w.WriteString("</table></div>\n")
	}
	return ast.WalkContinue, nil
}
