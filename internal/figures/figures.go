// Package figures draws the five figures of the paper from a results file: the
// device map, the compute ceilings, the bandwidth ceilings, the rooflines and
// the serving crossovers.
//
// # Reading them
//
// Every engine kind has one colour in all figures: CPU blue, GPU vermilion,
// ANE green, out of the palette of Okabe and Ito, which stays apart in print
// and for colour-blind readers. A filled mark is fp16, a hollow one is wider.
// Further libraries of a kind keep its colour and take another mark. The
// background is white, so that a figure reads on a dark page too.
//
// A mark is the median of an arm's samples; where there are several, a bar
// spans the lowest and the highest.
//
// # Absence
//
// A figure whose measurement the file lacks is not drawn; [All] says which run
// makes it.
package figures

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"devicemap/results"
)

// Figure is one page, ready to be drawn.
type Figure struct {
	Name          string // of its files, without ending
	Width, Height vg.Length
	draw          func(c draw.Canvas)
}

// resolution of the PNG in dots per inch.
const resolution = 150

// Formats are the endings that [Figure.Encode] knows.
var Formats = []string{"svg", "png"}

// All prepares every figure that the file has rows for. missing says why the
// others are not there; err is a file that no analysis should use.
func All(f *results.File) (list []Figure, missing []error, err error) {
	if err := f.Check(); err != nil {
		return nil, nil, err
	}
	for _, prepare := range []func(*results.File) (Figure, error){deviceMap, ceilings, bandwidths, rooflines, serving} {
		figure, err := prepare(f)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		list = append(list, figure)
	}
	return list, missing, nil
}

// Encode draws the figure in one of the [Formats].
func (f Figure) Encode(w io.Writer, format string) error {
	var c vg.CanvasWriterTo
	switch format {
	case "svg":
		c = vgsvg.New(f.Width, f.Height)
	case "png":
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.Width, f.Height), vgimg.UseDPI(resolution))}
	default:
		return fmt.Errorf("figures: format %q, want one of %v", format, Formats)
	}
	f.draw(draw.New(c))
	if format != "svg" {
		_, err := c.WriteTo(w)
		return err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	// Letters of the same widths, where a reader has no Liberation.
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")))
	return err
}

// Write draws all figures of a file into a folder, each as SVG and PNG, and
// lists the paths.
func Write(dir string, f *results.File) (paths []string, missing []error, err error) {
	list, missing, err := All(f)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("figures: cannot make the folder: %w", err)
	}
	for _, figure := range list {
		for _, format := range Formats {
			path := filepath.Join(dir, figure.Name+"."+format)
			if err := figure.save(path, format); err != nil {
				return paths, missing, err
			}
			paths = append(paths, path)
		}
	}
	return paths, missing, nil
}

func (f Figure) save(path, format string) error {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("figures: cannot write: %w", err)
	}
	if err := f.Encode(out, format); err != nil {
		out.Close()
		return fmt.Errorf("figures: %s: %w", path, err)
	}
	return out.Close()
}
