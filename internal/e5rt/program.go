package e5rt

import "errors"

// Spec describes a program of one function, "main".
type Spec struct {
	Path            string // MIL file; its directory holds the weights
	CacheDir        string // exists; belongs to this program alone
	Inputs, Outputs []PortSpec
	Options         Options
}

// Program is a loaded program of one operation on one stream.
type Program struct {
	library  *Library
	function *Function
	op       *Operation
	stream   *Stream
}

// Open compiles and loads a program; on failure nothing stays allocated.
func (l *Lib) Open(s Spec) (p *Program, err error) {
	p = new(Program)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.release())
			p = nil
		}
	}()
	if p.library, err = l.Compile(s.Path, s.CacheDir, s.Options); err != nil {
		return p, err
	}
	if p.function, err = p.library.Function("main"); err != nil {
		return p, err
	}
	if p.op, err = p.function.Operation(s.Inputs, s.Outputs); err != nil {
		return p, err
	}
	p.stream, err = NewStream(p.op)
	return p, err
}

// Input is the payload of input i in place.
func (p *Program) Input(i int) []byte { return p.op.Input(i).Bytes() }

// Output is the payload of output i in place.
func (p *Program) Output(i int) []byte { return p.op.Output(i).Bytes() }

// Alias keeps output out resident as input in; see [Stream.Alias].
func (p *Program) Alias(out, in int) error { return p.stream.Alias(p.op.Output(out), p.op.Input(in)) }

// Execute runs the program once; see [Stream.Execute].
func (p *Program) Execute() error { return p.stream.Execute() }

// Close releases everything, newest first. A second Close changes nothing and
// returns [ErrClosed].
func (p *Program) Close() error {
	if err := p.stream.Close(); err != nil {
		if errors.Is(err, ErrClosed) {
			return err
		}
		return errors.Join(err, p.releaseRest())
	}
	return p.releaseRest()
}

// release closes what a failed Open had made.
func (p *Program) release() error {
	var err error
	if p.stream != nil {
		err = p.stream.Close()
	}
	return errors.Join(err, p.releaseRest())
}

func (p *Program) releaseRest() error {
	var errs []error
	if p.op != nil {
		errs = append(errs, p.op.Close())
	}
	if p.function != nil {
		errs = append(errs, p.function.Close())
	}
	if p.library != nil {
		errs = append(errs, p.library.Close())
	}
	return errors.Join(errs...)
}
