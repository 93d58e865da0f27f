package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience ends what hangs. No test depends on how fast the machine is.
const patience = time.Minute

// needed returns what a variable names, which a script finds.
func needed(t *testing.T, variable, script string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: %s=$(%s) finds or gets it", variable, variable, script)
	}
	return value
}

// browser is the one of this test program.
var browser struct {
	once sync.Once
	ctx  context.Context //nolint:containedctx // chromedp's browser is its context
	end  context.CancelFunc
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.end != nil {
		browser.end()
	}
	os.Exit(code)
}

func start(path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("lang", "en-GB"), chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses root otherwise
	}
	allocated, endAllocated := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocated)
	browser.ctx, browser.end = ctx, func() { end(); endAllocated() } //nolint:fatcontext // it is chromedp's way to keep a browser
	_, browser.err = chromedp.Run(ctx, chromedp.Location())
}

// tab is one visitor's, with cookies of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // chromedp's tab is its context
	base string
	axe  string

	mu     sync.Mutex
	faults []string
}

// open opens a tab on the shop at base. It ends with the test, which fails where the
// page's scripts had errors or its policy was violated.
func open(t *testing.T, base string) *tab {
	t.Helper()
	path := needed(t, "TEST_CHROMIUM", ".ci/chromium")
	axe, err := os.ReadFile(needed(t, "TEST_AXE", ".ci/axe"))
	if err != nil {
		t.Fatal(err)
	}
	browser.once.Do(func() { start(path) })
	if browser.err != nil {
		t.Fatalf("the browser does not start: %v", browser.err)
	}
	b := &tab{t: t, base: base, axe: string(axe)}
	ctx, end := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	t.Cleanup(end)
	ctx, stop := context.WithTimeout(ctx, 10*patience)
	t.Cleanup(stop)
	b.ctx = ctx
	// The tab lives as long as the context of its first action.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	b.sized(1280, "light")
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Error(f)
		}
	})
	return b
}

// hear notes what goes wrong in the page.
func (b *tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// That a page has a status of 4xx is no fault of it.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			fault = fmt.Sprintf("%s: %s", e.Entry.URL, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		fault = fmt.Sprintf("an exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			fault = "an error on the console"
		}
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("at %s: %v", b.at(), err)
	}
}

func eval[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%.80s: %v", expression, err)
	}
	return value
}

// at is the path of the page.
func (b *tab) at() string {
	ctx, stop := context.WithTimeout(b.ctx, time.Second)
	defer stop()
	where, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(where, b.base)
}

// sized makes the tab a screen of a width, in one of both color schemes.
func (b *tab) sized(width int64, scheme string) {
	b.t.Helper()
	var options []chromedp.EmulateViewportOption
	if width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(chromedp.EmulateViewport(width, 800, options...), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

// withoutScripts makes the tab one without JavaScript.
func (b *tab) withoutScripts() {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

func (b *tab) visit(path string) *tab {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
	return b
}

// leads does something that leads to another page, and waits for that.
func (b *tab) leads(action chromedp.Action[chromedp.Void]) *tab {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, action)); err != nil {
		b.t.Fatalf("at %s: %v", b.at(), err)
	}
	return b
}

// click clicks on what leads to another page.
func (b *tab) click(selector string) *tab {
	b.t.Helper()
	return b.leads(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// press clicks on what does not.
func (b *tab) press(selector string) *tab {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
	return b
}

// fill replaces the text in a field.
func (b *tab) fill(selector, text string) *tab {
	b.t.Helper()
	b.do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
	return b
}

// says waits until the page says these texts.
func (b *tab) says(texts ...string) *tab {
	b.t.Helper()
	for _, text := range texts {
		deadline := time.Now().Add(patience)
		for {
			got := b.text()
			if strings.Contains(got, text) {
				break
			}
			if time.Now().After(deadline) {
				b.t.Fatalf("%s does not say %q: %s", b.at(), text, got)
			}
			select { // the page may be on its way
			case <-time.After(50 * time.Millisecond):
			case <-b.ctx.Done():
			}
		}
	}
	return b
}

// text is what the page says; nothing while another is on its way.
func (b *tab) text() string {
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(document.querySelector("main")?.innerText ?? "").replace(/\s+/g, " ")`))
	if err != nil {
		return ""
	}
	return text
}

// judge looks at the page on a phone and on a large screen, in both color schemes: axe
// finds nothing, and nothing is wider than the screen. With SCREENSHOTS, a folder, it
// leaves pictures there.
func (b *tab) judge(name string) *tab {
	b.t.Helper()
	for _, width := range []int64{320, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.sized(width, scheme)
			how := fmt.Sprintf("%s at %d px, %s", name, width, scheme)
			eval[any](b, b.axe+"; null")
			for _, fault := range eval[[]string](b, `axe.run(document, { resultTypes: ["violations"] }).then(r =>
				r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")))`, chromedp.EvalAwaitPromise) {
				b.t.Errorf("%s: %s", how, fault)
			}
			if wide := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
				b.t.Errorf("%s: the page is %d px wider than the screen", how, wide)
			}
			if small := eval[[]string](b, smallTargets); width == 320 && len(small) > 0 {
				b.t.Errorf("%s: smaller than 44 px: %q", how, small)
			}
			b.picture(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
	b.sized(1280, "light")
	return b
}

// smallTargets are the buttons and fields that a thumb misses, and the links that
// stand alone. Links in a sentence are as large as their words.
const smallTargets = `[...document.querySelectorAll("button, input:not([type=hidden]), select, summary, nav a, a.button")]
	.filter(e => e.checkVisibility() && !e.closest(".vh, label"))
	.filter(e => e.getBoundingClientRect().height < 43.5)
	.map(e => e.outerHTML.slice(0, 120))`

// picture leaves one of the whole page in the folder SCREENSHOTS, if there is one.
func (b *tab) picture(name string) { b.keep(name, chromedp.FullScreenshot(100)) }

// screen leaves a picture of what the screen shows, as README has them.
func (b *tab) screen(name string) { b.keep("readme-"+name, chromedp.CaptureScreenshot()) }

func (b *tab) keep(name string, taken chromedp.Action[[]byte]) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, taken)
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}
