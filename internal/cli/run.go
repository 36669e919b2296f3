package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/baseline"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/report"
)

// runCheck is the command: flags and arguments become targets, each is judged,
// and the document of all of them is written.
func runCheck(ctx context.Context, std Streams, analyzers []*analysis.Analyzer, f *checkFlags, args []string) error {
	if f.failOn != "" && !slices.Contains(config.Thresholds, f.failOn) {
		return usage("--fail-on %q: want %s", f.failOn, analysis.Or(config.Thresholds))
	}
	now := time.Now().UTC().Truncate(24 * time.Hour)
	if f.now != "" {
		var err error
		if now, err = time.Parse(time.DateOnly, f.now); err != nil {
			return usage("--now %q: want a day, YYYY-MM-DD", f.now)
		}
	}
	outs, err := destinations(f.formats, f.output, report.Names())
	if err != nil {
		return err
	}
	if f.writeBaseline != "" {
		if err := writable(f.writeBaseline); err != nil {
			return err
		}
	}
	enabled, err := selection(analyzers, f.only, f.skip)
	if err != nil {
		return err
	}
	var old *baseline.Baseline
	if f.baseline != "" {
		if old, err = baseline.Read(f.baseline); err != nil {
			return &statusError{Usage, err}
		}
	}
	note := func(text string) {
		if !f.quiet {
			fmt.Fprintln(std.Err, "tare: note:", redact.Printable(text))
		}
	}
	var kept *cache.Cache
	if !f.noCache {
		if kept, err = cache.Open(f.cacheDir, cache.DefaultLimit); err != nil {
			note(err.Error())
		}
		defer kept.Trim()
	}
	found := newFinder(ctx, std, analyzers, kept, f)
	shared, err := found.share()
	if err != nil {
		return err
	}
	if err := found.find(args); err != nil {
		return err
	}
	if len(found.targets) == 0 {
		why := "what was named holds no Dockerfile, no requirements and no pod"
		if len(found.remarks) > 0 {
			why = strings.Join(found.remarks, "; ")
		}
		return &statusError{Broken, errors.New("nothing was judged: " + why)}
	}
	if err := found.touched(); err != nil {
		return err
	}
	told := slices.ContainsFunc(outs, func(o destination) bool { return o.name == "text" && o.file == "" }) // the report says it
	doc := report.New(report.Tool{Name: "tare", Version: programVersion()}, now.Format(time.DateOnly), analyzers, enabled)
	for _, r := range found.remarks {
		note(r)
		doc.Remarks = append(doc.Remarks, redact.Credentials(r))
	}
	opt := driver.Options{
		Analyzers: analyzers,
		Enabled:   enabled,
		Named:     len(f.only) > 0,
		Limits:    f.limits,
		Cache:     kept,
		Now:       now,
		AddedOnly: f.addedOnly,
	}
	ledger := newLedger(found)
	watcher := std.Err
	if f.quiet {
		watcher = io.Discard
	}
	progress := newProgress(watcher, "targets", len(found.targets), found.session.Counts.Bytes)
	opt.Expect, opt.Reading = progress.expect, progress.reading
	errs := std.Err
	std.Err = progress.over(std.Err)
	err = judge(ctx, found.targets, opt, f.timeout, func(j judged) {
		t := j.report
		for _, r := range t.Remarks {
			note(r)
		}
		for _, e := range t.Errors {
			if !told {
				fmt.Fprintln(std.Err, "tare:", redact.Printable(e))
			}
		}
		ledger.add(j)
		doc.Targets = append(doc.Targets, t)
		progress.step(t.Name)
	}, note)
	progress.end()
	std.Err = errs
	if err != nil {
		return err
	}
	if said := sharing(f.shared, shared); said != "" {
		note(said)
		doc.Remarks = append(doc.Remarks, said)
	}
	doc.Targets = append(doc.Targets, ledger.unused(opt)...)
	doc.Join()
	if f.writeBaseline != "" {
		if err := found.writeBaseline(doc, f.writeBaseline, note); err != nil || len(f.formats) == 0 {
			return err
		}
		if old, err = baseline.Of(doc); err != nil { // all of it is known from now on
			return err
		}
	}
	if old != nil {
		baseline.Apply(doc, old, display(cmp.Or(f.writeBaseline, f.baseline)))
	}
	if err := write(std, doc, outs, report.Options{Notes: f.notes || notesFail(doc), Quiet: f.quiet, Verbose: f.verbose}); err != nil {
		return &statusError{Broken, err}
	}
	if status := statusOf(doc); status != Clean {
		return &statusError{status: status}
	}
	return nil
}

// notesFail reports whether a note fails some target: it is shown then.
func notesFail(doc *report.Document) bool {
	return slices.ContainsFunc(doc.Targets, func(t report.Target) bool { return t.Configuration.FailOn == string(analysis.Note) })
}

// writeBaseline writes the report as what is known from now on. Only what could not be
// judged fails.
func (fd *finder) writeBaseline(doc *report.Document, file string, note func(string)) error {
	n := 0
	for _, t := range doc.Targets {
		if n += len(t.Findings); len(t.Errors) > 0 {
			return &statusError{Broken, fmt.Errorf("the baseline %q is not written, as it would lack what cannot be judged: %s: %s",
				file, t.Name, t.Errors[0])}
		}
	}
	var b bytes.Buffer
	err := report.JSON(&b, doc, report.Options{})
	if err == nil {
		err = replaceFile(file, b.Bytes())
	}
	if err != nil {
		return &statusError{Broken, fmt.Errorf("write baseline %q: %w", file, err)}
	}
	note(fmt.Sprintf("%d %s known from now on: --baseline %s reports new ones alone", n,
		number(n, "finding is", "findings are"), file))
	return nil
}

// statusOf is the exit status of a document. Each target's configuration says which
// findings fail; one that several targets have fails where it fails one of them.
func statusOf(doc *report.Document) int {
	least := map[string]int{} // severity that fails, by target; -1: none does
	for _, t := range doc.Targets {
		least[t.Name] = slices.Index(analysis.Severities, analysis.Severity(t.Configuration.FailOn))
	}
	status := Clean
	for _, t := range doc.Targets {
		if len(t.Errors) > 0 {
			return Broken
		}
		for _, found := range t.Findings {
			rank := slices.Index(analysis.Severities, found.Severity)
			for _, name := range append([]string{t.Name}, found.Targets...) {
				if rank <= least[name] {
					status = Findings
				}
			}
		}
		if t.Configuration.Strict && slices.ContainsFunc(t.NotRun, func(n report.NotRun) bool { return n.Location.Path != "" }) {
			status = Findings
		}
	}
	return status
}

// workers is how many targets are judged at once, and indexes how many of their
// images have their layers in memory: those are read side by side already.
const (
	workers = 4
	indexes = 1
)

// A judged is one target's report, or why there is none.
type judged struct {
	report  report.Target
	ignores []*ignore.Ignore // that were used
	err     error
}

// judge judges the targets, several at once, and hands each one's report to done,
// in their order. What is judged is let go with its report, so that memory does
// not grow with their number. Of several, those that lack the stage that is asked
// for are skipped. What is not judged when the time is over, 0 being no limit, is
// reported as that. The error is wrong usage, or that ctx ended.
func judge(
	ctx context.Context,
	targets []target,
	opt driver.Options,
	limit time.Duration,
	done func(judged),
	skipped func(why string),
) error {
	timed := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeoutCause(ctx, limit,
			fmt.Errorf("the run takes longer than the limit of %v (--timeout)", limit))
		defer cancel()
	}
	timed, stop := context.WithCancel(timed) // the others end with the first that is wrong usage
	defer stop()
	room := make(chan struct{}, indexes)
	results := make([]chan judged, len(targets))
	turns := make(chan int)
	for i := range results {
		results[i] = make(chan judged, 1)
	}
	go func() {
		defer close(turns)
		for i := range targets {
			select {
			case turns <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range min(workers, len(targets)) {
		go func() {
			for i := range turns {
				t := targets[i]
				targets[i] = target{} // what it holds open is let go with it
				results[i] <- judgeOne(timed, t, opt, room)
			}
		}()
	}
	without := 0 // targets that lack the stage that --target names
	for i := range results {
		var j judged
		select {
		case j = <-results[i]:
		case <-ctx.Done():
		}
		var unknown *dockerfile.UnknownTargetError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(j.err, &unknown) && len(results) > 1 && without < len(results)-1:
			without++
			skipped(fmt.Sprintf("%s is left out: it has no stage %q", unknown.Path, unknown.Target))
		case errors.As(j.err, &unknown) && len(results) > 1:
			return usage("none of the %d Dockerfiles has a stage %q", len(results), unknown.Target)
		case j.err != nil:
			return &statusError{Usage, j.err}
		default:
			done(j)
		}
	}
	return nil
}

// judgeOne judges one target. Room has a place for each index that may be held.
func judgeOne(ctx context.Context, t target, opt driver.Options, room chan struct{}) judged {
	held := make(chan struct{}, 1)
	opt.Hold = func(ctx context.Context) error {
		select {
		case room <- struct{}{}:
			held <- struct{}{}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	res, err := checkInTime(ctx, t.Target, opt)
	if unknown := (*dockerfile.UnknownTargetError)(nil); errors.As(err, &unknown) && t.stageOf != "" {
		t.Err = fmt.Errorf("%s: %w", t.stageOf, err)
		res, err = driver.Check(ctx, t.Target, opt)
	}
	if err != nil {
		return judged{err: err}
	}
	j := judged{report: report.NewTarget(res, snippets(t.Target))}
	j.ignores = res.Used
	for _, x := range res.Ignored {
		j.ignores = append(j.ignores, x.By)
	}
	select {
	case <-held:
		<-room
	default:
	}
	return j
}

// checkInTime judges one target. One that is still computing a while after the time
// is over is left behind: it ends with the process.
func checkInTime(ctx context.Context, t driver.Target, opt driver.Options) (*driver.Result, error) {
	type outcome struct {
		res *driver.Result
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		res, err := driver.Check(ctx, t, opt)
		ended <- outcome{res, err}
	}()
	select {
	case o := <-ended:
		return o.res, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-ended:
		return o.res, o.err
	case <-time.After(patience):
	}
	t.Err = context.Cause(ctx)
	return driver.Check(ctx, t, opt)
}

// selection is the rules that --only and --skip leave.
func selection(analyzers []*analysis.Analyzer, only, skip []string) (func(*analysis.Rule) bool, error) {
	names := ruleNames(analyzers)
	of := map[*analysis.Rule]string{}
	for _, a := range analyzers {
		for _, r := range a.Rules {
			of[r] = a.Name
		}
	}
	for _, list := range [][]string{only, skip} {
		for _, n := range list {
			if !slices.Contains(names, n) {
				return nil, usage("no rule or check %q%s: tare list shows them", n, suggest(n, names))
			}
		}
	}
	in := func(list []string, r *analysis.Rule) bool {
		return slices.Contains(list, r.ID) || slices.Contains(list, of[r])
	}
	enabled := func(r *analysis.Rule) bool { return (len(only) == 0 || in(only, r)) && !in(skip, r) }
	for r := range of {
		if enabled(r) {
			return enabled, nil
		}
	}
	return nil, usage("--only and --skip leave no rule to run")
}
