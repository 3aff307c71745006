package figures

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// entry is one item of the legend.
type entry struct {
	text  string
	glyph draw.GlyphStyle // no shape for none
	line  draw.LineStyle  // zero width for none
}

// page is a title, panels in rows, a legend and the caption.
type page struct {
	title   string
	panels  [][]*pane // rows of equal length; nil leaves a place empty
	legend  []entry
	caption []string
}

// Heights of the parts around the panels.
const (
	margin      = 10
	titleRoom   = 24
	lineRoom    = 13
	legendGap   = 16
	captionStep = 11
)

// draw fills the canvas from the top: title, panels, legend, caption.
func (p page) draw(c draw.Canvas) {
	c.SetColor(color.White) // keeps the figure readable on a dark page
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)

	title := textStyle(titleSize, ink)
	title.Font = letters(titleSize, true)
	title.YAlign = draw.YTop
	c.FillText(title, vg.Point{X: c.Min.X, Y: c.Max.Y}, p.title)

	caption := textStyle(captionSize, grey)
	caption.YAlign = draw.YBottom
	var lines []string
	for _, paragraph := range p.caption {
		lines = append(lines, wrap(paragraph, caption, c.Max.X-c.Min.X)...)
	}
	y := c.Min.Y
	for _, line := range slices.Backward(lines) {
		c.FillText(caption, vg.Point{X: c.Min.X, Y: y}, line)
		y += captionStep
	}
	y += 4
	rows := p.legendRows(c.Max.X - c.Min.X)
	for i := len(rows) - 1; i >= 0; i-- {
		drawLegend(c, rows[i], y)
		y += lineRoom
	}
	y += 6
	p.drawPanels(draw.Crop(c, 0, 0, y-c.Min.Y, -titleRoom))
}

// Room for the texts of a pane.
const (
	paneTitle = 18
	xRoom     = 12
	yRoom     = 16
)

// drawPanels tiles the area so that the data areas of a column start and end
// at the same x, those of a row at the same y.
func (p page) drawPanels(area draw.Canvas) {
	tiles := draw.Tiles{Rows: len(p.panels), Cols: len(p.panels[0]), PadX: 16, PadY: 10}
	left, right := make([]vg.Length, tiles.Cols), make([]vg.Length, tiles.Cols)
	top, bottom := make([]vg.Length, tiles.Rows), make([]vg.Length, tiles.Rows)
	each := func(do func(i, j int, q *pane, tile, data draw.Canvas)) {
		for i, row := range p.panels {
			for j, q := range row {
				if q != nil {
					tile := q.inside(tiles.At(area, j, i))
					do(i, j, q, tile, q.DataCanvas(tile))
				}
			}
		}
	}
	each(func(i, j int, _ *pane, tile, data draw.Canvas) {
		left[j] = max(left[j], data.Min.X-tile.Min.X)
		right[j] = max(right[j], tile.Max.X-data.Max.X)
		bottom[i] = max(bottom[i], data.Min.Y-tile.Min.Y)
		top[i] = max(top[i], tile.Max.Y-data.Max.Y)
	})
	each(func(i, j int, q *pane, tile, data draw.Canvas) {
		q.Draw(draw.Crop(tile,
			left[j]-(data.Min.X-tile.Min.X), (tile.Max.X-data.Max.X)-right[j],
			bottom[i]-(data.Min.Y-tile.Min.Y), (tile.Max.Y-data.Max.Y)-top[i]))
		q.texts(tiles.At(area, j, i), vg.Rectangle{
			Min: vg.Point{X: tile.Min.X + left[j], Y: tile.Min.Y + bottom[i]},
			Max: vg.Point{X: tile.Max.X - right[j], Y: tile.Max.Y - top[i]},
		})
	})
}

// inside is what the texts leave of a tile.
func (q *pane) inside(tile draw.Canvas) draw.Canvas {
	room := func(text string, size vg.Length) vg.Length {
		if text == "" {
			return 0
		}
		return size
	}
	return draw.Crop(tile, room(q.yLabel, yRoom), 0, room(q.xLabel, xRoom), -room(q.title, paneTitle))
}

// texts writes title and labels, centred on the data area.
func (q *pane) texts(c draw.Canvas, data vg.Rectangle) {
	center := vg.Point{X: (data.Min.X + data.Max.X) / 2, Y: (data.Min.Y + data.Max.Y) / 2}
	title := textStyle(panelSize, ink)
	title.Font, title.XAlign, title.YAlign = letters(panelSize, true), draw.XCenter, draw.YTop
	c.FillText(title, vg.Point{X: center.X, Y: c.Max.Y}, q.title)
	label := textStyle(labelSize, ink)
	label.XAlign, label.YAlign = draw.XCenter, draw.YBottom
	c.FillText(label, vg.Point{X: center.X, Y: c.Min.Y}, q.xLabel)
	label.Rotation, label.YAlign = math.Pi/2, draw.YTop
	c.FillText(label, vg.Point{X: c.Min.X, Y: center.Y}, q.yLabel)
}

// legendRows breaks the legend at the page's width.
func (p page) legendRows(width vg.Length) [][]entry {
	var rows [][]entry
	left := vg.Length(0)
	for _, e := range p.legend {
		if need := e.width(); len(rows) == 0 || need > left {
			rows = append(rows, nil)
			left = width
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		left -= e.width()
	}
	return rows
}

// sample is the length of a line in the legend.
const sample = 20

func (e entry) width() vg.Length {
	return e.room() + textStyle(labelSize, ink).Width(e.text) + legendGap
}

// room is what line and mark take.
func (e entry) room() vg.Length {
	switch {
	case e.line.Width > 0:
		return sample + 5
	case e.glyph.Shape != nil:
		return 2*markRadius + 5
	default:
		return 0
	}
}

func drawLegend(c draw.Canvas, row []entry, y vg.Length) {
	style := textStyle(labelSize, ink)
	style.YAlign = draw.YCenter
	x := c.Min.X
	middle := y + lineRoom/2
	for _, e := range row {
		at := x + markRadius
		if e.line.Width > 0 {
			c.StrokeLine2(e.line, x, middle, x+sample, middle)
			at = x + sample/2
		}
		if e.glyph.Shape != nil {
			c.DrawGlyph(e.glyph, vg.Point{X: at, Y: middle})
		}
		c.FillText(style, vg.Point{X: x + e.room(), Y: middle}, e.text)
		x += e.width()
	}
}

// engineLegend names the engines.
func engineLegend(engines []results.Engine, lines bool) []entry {
	var list []entry
	by := looks(engines)
	for _, e := range engines {
		item := entry{text: e.String(), glyph: by[e].glyph()}
		if lines {
			item.line = by[e].line(1.4, false)
		}
		list = append(list, item)
	}
	return list
}

// caption states host, source and power, then what the figure adds.
func caption(f *results.File, more ...string) []string {
	source, _ := f.Fact(results.KeySource)
	power, ok := f.Fact("power")
	switch {
	case !ok && f.IsPublished():
		power = "the system's on-die estimate, package minus idle"
	case !ok || power == "none":
		power = "not measured"
	}
	head := "Host: " + f.Host() + ".  Source: " + cmp.Or(source, "not stated") + ".  Power: " + power + "."
	return append([]string{head}, more...)
}

// wrap breaks a text at spaces.
func wrap(paragraph string, style text.Style, width vg.Length) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(paragraph) {
		if line != "" && style.Width(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
