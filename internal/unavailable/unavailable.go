// Package unavailable makes the errors that say that this host or build lacks
// something.
package unavailable

import "errors"

// New is an error with the text that people read. It wraps
// [errors.ErrUnsupported], which stays out of that text. Each one is itself
// alone: packages keep theirs as ErrUnavailable.
func New(text string) error { return &absence{text} }

type absence struct{ text string }

func (a *absence) Error() string { return a.text }
func (*absence) Unwrap() error   { return errors.ErrUnsupported }
