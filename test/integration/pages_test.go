//go:build integration

package integration

import (
	"context"
	_ "embed"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/holdfast-sre/holdfast/test/servers"
)

// flaws is a function that lists what is wrong with the page that is open: what scrolls
// sideways, has no name, too little contrast, no heading or a target too small.
//
//go:embed testdata/flaws.js
var flaws string

// browser opens one headless Chromium for a test.
func browser(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(servers.Chromium(t)), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true))
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	return ctx
}

// scheme asks the page for light or dark, and for no motion.
func scheme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	})
}

// TestPagesInABrowser looks at every page of a real server that has a story to tell:
// is it readable, is focus seen, and can it be used without a mouse.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	w, ctx := newPages(t), browser(t)
	readable(t, w, ctx)
	byKeyboard(t, w, ctx)
	withoutScripts(t, w, ctx)
}

// readable opens each page on a phone, at a desk in the dark, and as a desk at 400 %
// zoom shows it.
func readable(t *testing.T, w *pages, ctx context.Context) {
	t.Helper()
	screens := []struct {
		name, scheme  string
		width, height int64
	}{{"phone", "light", 360, 740}, {"desk", "dark", 1280, 900}, {"zoomed", "light", 320, 256}}
	for _, s := range screens {
		for _, path := range w.paths {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height), scheme(s.scheme), chromedp.Navigate(w.url+path), chromedp.KeyEvent("\t")); err != nil {
				t.Fatalf("%s on a %s: %v", path, s.name, err)
			}
			first, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.getAttribute("href") || ""`))
			if err != nil || first != "#main" {
				t.Errorf("%s: Tab reaches %q first, not the link to the content: %v", path, first, err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](flaws))
			if err != nil {
				t.Fatalf("%s on a %s: %v", path, s.name, err)
			}
			if len(found) > 0 {
				t.Errorf("%s on a %s:\n  %s", path, s.name, strings.Join(found, "\n  "))
			}
		}
	}
}

// keyboard is a person without a mouse.
type keyboard struct {
	t   *testing.T
	ctx context.Context
}

func (k keyboard) open(url string) {
	k.t.Helper()
	if err := chromedp.Do(k.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(url)); err != nil {
		k.t.Fatal(err)
	}
	k.see("a page that knows keys", ready)
}

// ready is true once the script of a page runs.
const ready = `!document.getElementById("show-keys").hidden`

func (k keyboard) press(keys string) {
	k.t.Helper()
	if err := chromedp.Do(k.ctx, chromedp.KeyEvent(keys)); err != nil {
		k.t.Fatalf("press %q: %v", keys, err)
	}
}

// key presses one key that types nothing, as a page sees one whose default it prevents.
func (k keyboard) key(keys string) {
	k.t.Helper()
	silent := func(p *input.DispatchKeyEventParams) {
		if p.Type == kb.KeyChar {
			p.Modifiers |= int64(chromedp.ModifierAlt) // is then left out
		}
	}
	if err := chromedp.Do(k.ctx, chromedp.KeyEvent(keys, silent)); err != nil {
		k.t.Fatalf("press %q: %v", keys, err)
	}
}

// see waits until an expression is true.
func (k keyboard) see(what, expr string) {
	k.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for {
		// A page that is just being left has nothing to say.
		if ok, err := chromedp.Run(k.ctx, chromedp.Evaluate[bool]("!!("+expr+")")); err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			k.t.Fatalf("never seen: %s; focus and message: %s", what, k.value(`document.activeElement.outerHTML.slice(0, 300) + " | " + document.getElementById("say").textContent`))
		}
	}
}

func (k keyboard) value(expr string) string {
	k.t.Helper()
	v, err := chromedp.Run(k.ctx, chromedp.Evaluate[string](expr))
	if err != nil {
		k.t.Fatal(err)
	}
	return v
}

// byKeyboard acknowledges an incident with keys alone; one key never
// does anything by itself.
func byKeyboard(t *testing.T, w *pages, ctx context.Context) {
	t.Helper()
	k := keyboard{t, ctx}
	k.open(w.url + "/")
	const at = `document.activeElement.id`
	k.key("j")
	k.see("the first row", at+` === "row-`+w.worst+`"`)
	k.key("jj")
	third := k.value(at)
	k.key("k")
	if second := k.value(at); second == third || second == "row-"+w.worst {
		t.Errorf("j and k do not go up and down: %s, %s", second, third)
	}
	k.key("?")
	k.see("the keys", `document.getElementById("keys").open`)
	k.key("j")
	k.press("\x1b")
	k.see("no keys", `!document.getElementById("keys").open`)
	k.key("/")
	k.see("the search", at+` === "q"`)
	k.press("ja") // text, not keys
	if got := k.value(`document.getElementById("q").value`); got != "ja" {
		t.Errorf("typed %q into the search", got)
	}
	k.press("\b\bdisk\r")
	k.see("what was searched", `location.search === "?q=disk" && document.querySelectorAll(".list tbody tr").length === 1`)
	k.open(w.url + "/")
	k.press("j\r")
	k.see("the incident", `location.pathname === "/incidents/`+w.worst+`" && `+ready)
	k.key("a")
	k.see("a question", `document.getElementById("ack").open`)
	if n := w.acknowledged(); n != 0 {
		t.Fatal("one key acknowledged an incident")
	}
	k.press("\x1b")
	k.see("no question", `!document.getElementById("ack").open`)
	k.key("a")
	k.see("a question", `document.getElementById("ack").open`)
	k.press("\r")
	k.see("who asks", `document.getElementById("token").open`)
	k.press(w.token + "\r")
	k.see("done", `document.getElementById("say").textContent === "Done."`)
	k.see("nothing left to acknowledge", `!document.getElementById("acknowledge")`)
	if n := w.acknowledged(); n != 1 {
		t.Errorf("acknowledged %d times", n)
	}
}

// withoutScripts grades an incident with a form and keys in a browser that runs no
// script: a wrong token does nothing, and the outcome is on the page that follows.
func withoutScripts(t *testing.T, w *pages, ctx context.Context) {
	t.Helper()
	off := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
	k := keyboard{t, ctx}
	if err := chromedp.Do(ctx, off, chromedp.Navigate(w.url+"/incidents/"+w.worst)); err != nil {
		t.Fatal(err)
	}
	k.see("a page without its script", `!document.documentElement.classList.contains("scripted") && document.querySelector("noscript p")`)
	k.value(`document.getElementById("grade-value").value = "wrong"`)
	k.value(`document.getElementById("grade-comment").focus(), ""`)
	k.press("it was the broker\twrong-" + w.token + "\r")
	k.see("a refusal", `document.querySelector("[role=alert] strong")?.textContent === "Not done: a valid API token is needed."`)
	if got := k.value(`document.getElementById("grade-value").value + ", " + document.getElementById("grade-comment").value`); got != "wrong, it was the broker" {
		t.Errorf("what was typed is gone: %q", got)
	}
	k.value(`document.getElementById("token-grader").focus(), ""`)
	k.press(w.token + "\r")
	k.see("the outcome", `location.pathname === "/incidents/`+w.worst+`" && document.querySelector(".notice.done")?.textContent === "Your grade is recorded."`)
	k.see("the grade", `document.querySelector(".o-grade").textContent.includes("it was the broker")`)
}
