// Package mil spells programs for the Neural Engine's compiler: the MIL text,
// version 1.3 with operator set ios18, and the weight file beside it.
//
// # Parts
//
//   - [Program], [Stmt], [Value], [Literal] are the tree that all parts share.
//   - [Builder] makes a program and its weights, [Write] spells it,
//     [BlobWriter] streams the weights.
//   - [Parse] reads the text, [Check] holds the tree to the rules of the
//     route, [OpenBlob] reads the weight file, [Load] does all three.
//
// The text reader shares nothing with the writer, so that each tests the
// other. What is accepted is only what is known to work: the operations of
// the table in ops.go in the forms given there. A refusal is an [*Error] with
// position and rule.
//
// # Numbers
//
// Halves are carried as float64 values on the grid of binary16; the text holds
// them as C hexadecimal floats, 0x1p-3. Infinity and NaN have no spelling.
//
// Source: the reference implementation of the route (ANEForge) and the MIL
// operator sets of coremltools.
package mil
