package figures

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// Colours after Okabe and Ito, "Color Universal Design" (2008).
var (
	blue      = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	vermilion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	green     = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	purple    = color.NRGBA{0xcc, 0x79, 0xa7, 0xff} // a kind that the suite does not know
	ink       = color.NRGBA{0x22, 0x22, 0x22, 0xff}
	faint     = color.NRGBA{0xdd, 0xdd, 0xdd, 0xff}
	grey      = color.NRGBA{0x66, 0x66, 0x66, 0xff}
)

func kindColor(kind string) color.Color {
	switch kind {
	case results.CPU:
		return blue
	case results.GPU:
		return vermilion
	case results.ANE:
		return green
	default:
		return purple
	}
}

// Sizes of text and marks in points.
const (
	titleSize   = 14
	panelSize   = 10.5
	labelSize   = 9
	captionSize = 8
	markRadius  = 3.2
)

func letters(size vg.Length, bold bool) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return f
}

// handler lays text out as it is written.
var handler = text.Plain{Fonts: font.DefaultCache}

func textStyle(size vg.Length, c color.Color) text.Style {
	return text.Style{Color: c, Font: letters(size, false), Handler: handler}
}

// look is how an engine's marks are drawn.
type look struct {
	color color.Color
	shape int  // 0 circle, 1 square, 2 triangle: the libraries of a kind
	wide  bool // hollow: wider than fp16
}

// looks gives each engine its look; libraries of one kind are told apart by
// their order.
func looks(engines []results.Engine) map[results.Engine]look {
	seen := map[string][]string{}
	out := map[results.Engine]look{}
	for _, e := range engines {
		at := slices.Index(seen[e.Kind()], e.Device)
		if at < 0 {
			at = len(seen[e.Kind()])
			seen[e.Kind()] = append(seen[e.Kind()], e.Device)
		}
		out[e] = look{kindColor(e.Kind()), at % 3, e.DType != "fp16"}
	}
	return out
}

// glyph is the mark of a look.
func (l look) glyph() draw.GlyphStyle {
	filled := [...]draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}}[l.shape]
	outline := [...]draw.GlyphDrawer{draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}[l.shape]
	g := draw.GlyphStyle{Color: l.color, Radius: markRadius, Shape: filled}
	if l.wide {
		g.Shape = hollow{filled, outline}
	}
	return g
}

// hollow is a mark with a white inside, which covers the line beneath it.
type hollow struct{ inside, outline draw.GlyphDrawer }

func (h hollow) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, pt vg.Point) {
	c.SetColor(color.White)
	h.inside.DrawGlyph(c, sty, pt)
	for range 3 { // thin lines, side by side, make a thick one
		h.outline.DrawGlyph(c, sty, pt)
		sty.Radius -= 0.35
	}
}

func (l look) line(width vg.Length, dashed bool) draw.LineStyle {
	s := draw.LineStyle{Color: l.color, Width: width}
	if dashed {
		s.Dashes = []vg.Length{4, 2.5}
	}
	return s
}

// pane is one plot of a page. The page writes title and labels itself: gonum
// takes the middle of a logarithmic axis for its arithmetic mean and leaves
// room for a label there.
type pane struct {
	*plot.Plot
	title, xLabel, yLabel string
}

// panel is an empty pane with the style of all.
func panel(title, xLabel, yLabel string) *pane {
	p := plot.New()
	p.BackgroundColor = color.White
	p.TextHandler = handler
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = grey
		axis.LineStyle.Width = 0.6
		axis.Tick.LineStyle = draw.LineStyle{Color: grey, Width: 0.6}
		axis.Tick.Length = 3
		axis.Tick.Label.Font, axis.Tick.Label.Color = letters(labelSize, false), ink
		axis.Tick.Label.Handler = handler
	}
	p.X.Padding, p.Y.Padding = 4, 4
	return &pane{p, title, xLabel, yLabel}
}

// logScale makes an axis logarithmic with labelled decades; on a short axis
// multiples are labelled too.
func logScale(a *plot.Axis) {
	a.Scale = plot.LogScale{}
	a.Tick.Marker = decades{}
}

type decades struct{}

func (decades) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	labelled := []float64{1}
	switch span := high / low; {
	case span < 8:
		labelled = []float64{1, 1.5, 2, 3, 4, 5, 6, 8}
	case span < 100:
		labelled = []float64{1, 2, 5}
	}
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9} {
			if m == 1.5 && !slices.Contains(labelled, m) {
				continue
			}
			v := m * math.Pow(10, e)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			label := ""
			if slices.Contains(labelled, m) {
				label = short(v)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

// short prints a number with an SI prefix: 0.01, 5, 200, 10k, 4M.
func short(v float64) string {
	for _, step := range []struct {
		from   float64
		prefix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= step.from*0.9995 {
			return strings.TrimSuffix(fmt.Sprintf("%.3g", v/step.from), ".0") + step.prefix
		}
	}
	return fmt.Sprintf("%.3g", v)
}

// sizeTicks labels the sizes of a sweep; binary ones of a million and more as
// Mi.
func sizeTicks(sizes []int) plot.ConstantTicks {
	var ticks []plot.Tick
	for _, n := range sizes {
		label := fmt.Sprint(n)
		switch {
		case n >= 1<<20 && n%(1<<20) == 0:
			label = fmt.Sprintf("%dMi", n>>20)
		case n >= 1<<17 && n%(1<<10) == 0:
			label = fmt.Sprintf("%dKi", n>>10)
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	return ticks
}

// point is a figure with the range of its samples.
type point struct{ x, y, low, high float64 }

// path is a line through x, y pairs without marks and ranges.
func path(line draw.LineStyle, xy ...[2]float64) curve {
	k := curve{line: line}
	for _, at := range xy {
		k.points = append(k.points, point{at[0], at[1], at[1], at[1]})
	}
	return k
}

// pointOf is an arm's median of a unit at x; ok is false without a positive
// figure.
func pointOf(a *results.Arm, x float64, unit string) (p point, ok bool) {
	v, ok := a.Median(unit)
	if !ok || v <= 0 || x <= 0 {
		return point{}, false
	}
	values := a.Values(unit)
	return point{x, v, slices.Min(values), slices.Max(values)}, true
}

// curve plots points, the line between them and the range of each.
type curve struct {
	points   []point
	line     draw.LineStyle // zero width for none
	glyph    draw.GlyphStyle
	sideways bool // the range is of x
}

// Plot draws into the panel's data area.
func (k curve) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	var line []vg.Point
	for _, at := range k.points {
		line = append(line, vg.Point{X: trX(at.x), Y: trY(at.y)})
	}
	if k.line.Width > 0 && len(line) > 1 {
		c.StrokeLines(k.line, c.ClipLinesXY(line)...)
	}
	bar := draw.LineStyle{Color: k.glyph.Color, Width: 1}
	const cap = 2.5
	for i, at := range k.points {
		switch {
		case at.high <= at.low:
		case k.sideways:
			a, b, y := trX(at.low), trX(at.high), line[i].Y
			c.StrokeLine2(bar, a, y, b, y)
			c.StrokeLine2(bar, a, y-cap, a, y+cap)
			c.StrokeLine2(bar, b, y-cap, b, y+cap)
		default:
			a, b, x := trY(at.low), trY(at.high), line[i].X
			c.StrokeLine2(bar, x, a, x, b)
			c.StrokeLine2(bar, x-cap, a, x+cap, a)
			c.StrokeLine2(bar, x-cap, b, x+cap, b)
		}
		if k.glyph.Shape != nil {
			c.DrawGlyph(k.glyph, line[i])
		}
	}
}

// DataRange covers points and ranges.
func (k curve) DataRange() (xMin, xMax, yMin, yMax float64) {
	xMin, yMin = math.Inf(1), math.Inf(1)
	xMax, yMax = math.Inf(-1), math.Inf(-1)
	for _, at := range k.points {
		xs, ys := []float64{at.x}, []float64{at.y, at.low, at.high}
		if k.sideways {
			xs, ys = []float64{at.x, at.low, at.high}, []float64{at.y}
		}
		xMin, xMax = min(xMin, slices.Min(xs)), max(xMax, slices.Max(xs))
		yMin, yMax = min(yMin, slices.Min(ys)), max(yMax, slices.Max(ys))
	}
	return xMin, xMax, yMin, yMax
}

// grid draws faint lines at the labelled ticks.
type grid struct{ x, y bool }

// Plot draws the lines.
func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	style := draw.LineStyle{Color: faint, Width: 0.5}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := trX(t.Value); g.x && t.Label != "" && c.ContainsX(x) {
			c.StrokeLine2(style, x, c.Min.Y, x, c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := trY(t.Value); g.y && t.Label != "" && c.ContainsY(y) {
			c.StrokeLine2(style, c.Min.X, y, c.Max.X, y)
		}
	}
}

// remark is a short text at a point, set off by some points.
type remark struct {
	x, y   float64
	dx, dy vg.Length
	text   string
	color  color.Color
	align  draw.XAlignment
	size   vg.Length
}

// Plot writes the text.
func (r remark) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	style := textStyle(r.size, r.color)
	style.XAlign, style.YAlign = r.align, draw.YCenter
	at := vg.Point{X: trX(r.x) + r.dx, Y: trY(r.y) + r.dy}
	behind := style.Rectangle(r.text).Add(at)
	behind.Min.Y, behind.Max.Y = behind.Min.Y+2.5, behind.Max.Y-1.5 // no letter reaches there
	c.SetColor(color.NRGBA{0xff, 0xff, 0xff, 0xd8})                 // keeps lines off the text
	c.Fill(behind.Path())
	c.FillText(style, at, r.text)
}
