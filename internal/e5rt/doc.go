// Package e5rt binds the C functions of Espresso's e5rt interface, the way to
// the Apple Neural Engine, and wraps them in objects that cannot be used in a
// wrong order.
//
// [Load] opens the framework of a Mac; [Bind] fills the same table through any
// symbol lookup, so that a software engine can stand in. A program is reached
// in the order [Lib.Compile] → [Library.Function] → [Function.Operation] →
// [NewStream]; [Lib.Open] takes all four steps.
//
// # Ownership
//
// Each object owns the references it created and gives them back once, newest
// first, in Close. An object that others still depend on refuses to close with
// [ErrBusy]; a second Close changes nothing and returns [ErrClosed]. There are
// no finalizers: a buffer's memory stays mapped until Close.
//
// # Threads
//
// All objects are safe for concurrent use. Compiles of one Lib run one at a
// time. Two concurrent Executes of one stream would share its buffers: the
// second returns [ErrConcurrent] and the engine never sees it. The library
// keeps its error text per OS thread, so each call and the reading of its text
// share a locked thread.
//
// # Crashes
//
// Some programs abort the compiler, and with it the process. [CompileInChild]
// compiles in a child process, for programs that were not seen before.
//
// # Source
//
// The interface is private and undocumented. Signatures, statuses and order of
// calls are those of working public bindings on macOS 26 (inferred where a
// comment says so); nothing of this package has run on a Mac yet.
package e5rt
