// Package softane is a software Neural Engine. It exports the C interface that
// e5rt binds as function pointers, so that every pointer, size and string of
// the binding crosses the real boundary, reads the MIL text and the weights
// from disk, checks them, and computes in the documented arithmetic of a chip.
//
// It is a correctness tool: it is never raced and never recorded, and its name
// says "software" wherever a user sees it.
//
// # Use
//
// [New] makes an engine of one architecture; [Engine.Lib] binds it.
// [Engine.Live] counts the references that a caller still holds, by kind.
//
// # What is faithful
//
// Statuses, refusal texts, limits and arithmetic follow the public
// documentation of the hardware; where that is silent the engine is strict:
// it refuses a short buffer that the device would overrun, the use of a
// released handle and a binding after the encode. It has no other back end, so
// a device mask without the Neural Engine is refused.
//
// # Arithmetic
//
// Values are fp16 between operations. Products and convolutions accumulate
// wide, sums and means in fp16; see the files of the operation families for
// the cliffs. Where the hardware was only described as undefined the engine
// computes the mathematical value.
package softane
