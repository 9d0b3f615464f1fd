package rest

import "metaflows/app/events"

// schemaRoutes serve the JSON schemas. They are public, as in Kazoo: a form can be made from them before anybody logs in.
func (a *API) schemaRoutes() []route {
	return []route{
		{"GET", "/v2/schemas", open, a.listSchemas},
		{"GET", "/v2/schemas/{name}", open, a.showSchema},
		{"GET", "/v2/schemas/events", open, a.listEventSchemas},
		{"GET", "/v2/schemas/events/{type}", open, a.showEventSchema},
	}
}

// listSchemas gives the names of all.
func (a *API) listSchemas(x *exchange) { x.succeed(a.cfg.Schemas.Names()) }

// showSchema gives one as JSON Schema draft 4.
func (a *API) showSchema(x *exchange) {
	name := x.PathValue("name")
	if text := a.cfg.Schemas.Text(name); text != nil {
		x.succeed(text)
		return
	}
	x.badIdentifier(name)
}

// listEventSchemas gives the types of events, and the name of what they have in common.
func (a *API) listEventSchemas(x *exchange) { x.succeed(events.Schemas()) }

// showEventSchema gives the schema of the payload of a type's events, as JSON Schema draft 2020-12.
func (a *API) showEventSchema(x *exchange) {
	name := x.PathValue("type")
	if text := events.Schema(name); text != nil {
		x.succeed(text)
		return
	}
	x.badIdentifier(name)
}
