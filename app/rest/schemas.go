package rest

// schemaRoutes serve the JSON schemas. They are public, as in Kazoo: a form can be made from them before anybody logs in.
func (a *API) schemaRoutes() []route {
	return []route{
		{"GET", "/v2/schemas", open, 1, a.listSchemas},
		{"GET", "/v2/schemas/{name}", open, 1, a.showSchema},
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
