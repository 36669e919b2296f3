package driver

import (
	"context"
	"fmt"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Pod is a container of a manifest that runs what a target is.
type Pod struct {
	Container *analysis.Container
	Services  []*analysis.Service // of the same input
	Manifest  Manifest            // that describes Container
}

// String names the container as a report does: "Deployment web, container app".
func (p Pod) String() string {
	w := p.Container.Workload
	return fmt.Sprintf("%s %s, container %s", w.Kind, w.Name, p.Container.Name)
}

// ofPods reports whether a rule is about a container, or may be.
func ofPods(r *analysis.Rule) bool { return (r.Needs|r.Any)&analysis.InputWorkload != 0 }

// ofImage reports whether a rule is decided without a container, or may be.
func ofImage(r *analysis.Rule) bool { return r.Needs&analysis.InputWorkload == 0 }

// pods judges the containers that run the target, each by the rules about pods.
func (c *checker) pods(ctx context.Context) {
	why := c.missing[analysis.InputWorkload]
	delete(c.missing, analysis.InputWorkload)
	defer func() { c.missing[analysis.InputWorkload] = why }()
	undecided := len(c.res.NotRun)
	for _, p := range c.res.Target.Pods {
		before := len(c.res.Findings)
		c.judge(ctx, c.world.Pod(p.Container, p.Services), ofPods)
		for i := range c.res.Findings[before:] { // a key tells it from those of other pods
			f := &c.res.Findings[before+i]
			f.Key = p.Container.Workload.ID() + ": " + f.Key
		}
	}
	// Of each container the same may be said, such as that there is no image.
	said := map[analysis.Undecided]bool{}
	list := c.res.NotRun[:undecided]
	for i, n := range c.res.NotRun {
		if i >= undecided && !said[n] {
			list = append(list, n)
		}
		said[n] = true
	}
	c.res.NotRun = list
}
