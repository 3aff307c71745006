package main

// matrix writes the register tiles and the packing of matrix products.
func matrix(a asm) {}
