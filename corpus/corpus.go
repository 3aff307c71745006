package corpus

import "sync"

// Corpus is one set of cases with their drawn inputs and computed references.
// It is safe for concurrent use.
type Corpus struct {
	cases, smoke, coverage, extra func() []*Case
}

// New makes a corpus. Inputs are drawn and references computed when a case
// first needs them; a corpus that several engines share does both once.
func New(rule Scaling) *Corpus {
	list := func(make func(Scaling) []*Case) func() []*Case {
		return sync.OnceValue(func() []*Case { return make(rule) })
	}
	return &Corpus{list(published), list(smoke), list(coverage), list(extra)}
}

func published(rule Scaling) []*Case {
	shapes := &stream{seed: 7, rule: rule}
	list := append(nn(rule), synthetic(rule)...)
	list = append(list, corner(rule)...)
	list = append(list, shape(shapes)...)
	return append(list, broad(shapes)...)
}

// Cases are the 80 published cases, in published order.
func (c *Corpus) Cases() []*Case { return c.cases() }

// Smoke are the 22 published one-operation checks.
func (c *Corpus) Smoke() []*Case { return c.smoke() }

// Coverage are the 77 published per-operation cases (category coverage), each
// followed by its strict twin (category coverage-strict).
func (c *Corpus) Coverage() []*Case { return c.coverage() }

// Extra are this suite's own cases (categories untouched and twin).
func (c *Corpus) Extra() []*Case { return c.extra() }

// All are all cases: published, smoke, coverage and extra.
func (c *Corpus) All() []*Case {
	list := append([]*Case(nil), c.Cases()...)
	list = append(list, c.Smoke()...)
	list = append(list, c.Coverage()...)
	return append(list, c.Extra()...)
}

// FLOPs of one evaluation of the case.
func (c *Case) FLOPs() (float64, error) {
	g, err := c.Graph(FP16)
	if err != nil {
		return 0, err
	}
	return g.FLOPs(), nil
}
