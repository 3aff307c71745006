package registry

import (
	"bytes"
	"encoding/json"
)

// Schema tags the document.
const Schema = "devicemap-capabilities/1"

// document is docs/capabilities.json.
type document struct {
	Schema      string         `json:"schema"`
	Generator   string         `json:"generator"`
	Statuses    []Status       `json:"statuses"`
	Summary     map[string]int `json:"summary"`
	Routes      routeDocument  `json:"routes"`
	Entries     []entryJSON    `json:"entries"`
	Catalog     []opJSON       `json:"catalog"`
	Differences []Difference   `json:"differences"`
}

type routeDocument struct {
	Selectable []string `json:"selectable"`
	Single     []string `json:"single"`
	Counts     [3]int   `json:"counts"` // selectable, single, all
}

type entryJSON struct {
	Name          string   `json:"name"`
	Status        Status   `json:"status"`
	Ops           []string `json:"ops,omitempty"`
	Verified      string   `json:"verified"`
	RelErr        *float64 `json:"relerr,omitempty"`
	RouteClass    Class    `json:"route_class,omitempty"`
	RouteReason   string   `json:"route_reason,omitempty"`
	AltRoute      string   `json:"alt_route,omitempty"`
	AltLoss       string   `json:"alt_loss,omitempty"`
	RouteEvidence string   `json:"route_evidence,omitempty"`
	Wall          string   `json:"wall,omitempty"`
	Substitute    string   `json:"substitute,omitempty"`
	Probe         string   `json:"probe,omitempty"`
	AliasOf       string   `json:"alias_of,omitempty"`
	Note          string   `json:"note,omitempty"`
}

type opJSON struct {
	Name  string            `json:"name"`
	Group string            `json:"group"`
	Chips map[string]string `json:"chips"`
}

// Document is docs/capabilities.json: the whole table, the catalogue and the
// differences from the published census.
func Document() ([]byte, error) {
	d := document{
		Schema: Schema, Generator: "go run ./cmd/devicemap capabilities docs/capabilities.json",
		Statuses: Statuses(), Summary: map[string]int{"cracked_layers": CrackedLayers()},
		Routes:      routeDocument{Selectable: Routes(Selectable), Single: Routes(Single)},
		Differences: Differences(),
	}
	d.Routes.Counts = [3]int{len(d.Routes.Selectable), len(d.Routes.Single), Count(Bridge)}
	for _, s := range Statuses() {
		d.Summary[string(s)] = Count(s)
	}
	for _, e := range Entries() {
		d.Summary["total"]++
		d.Entries = append(d.Entries, entryOf(e))
	}
	for _, o := range Catalog() {
		chips := map[string]string{}
		for i, c := range Chips {
			chips[c] = string(o.Support[i])
		}
		d.Catalog = append(d.Catalog, opJSON{o.Name, o.Group, chips})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func entryOf(e Entry) entryJSON {
	j := entryJSON{Name: e.Name, Status: e.Status, Ops: e.Ops, Verified: e.Verified, RouteClass: e.Class, RouteReason: e.Reason,
		AltRoute: e.Alternative, AltLoss: e.Loss, RouteEvidence: e.Evidence, Wall: e.Wall, Substitute: e.Substitute,
		Probe: e.Probe, AliasOf: e.AliasOf, Note: e.Note}
	if e.RelErr >= 0 {
		j.RelErr = &e.RelErr
	}
	return j
}
