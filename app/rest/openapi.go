package rest

import (
	_ "embed" // for the part of the description that is written by hand
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"metaflows/app/events"
	"metaflows/app/schema"
)

//go:embed openapi.json
var skeleton []byte

// object is one of JSON.
type object map[string]any

// never is the schema of what an answer does not have. It is false, for generators of clients that read no such schema.
var never = object{"not": object{}}

// describeAPI is /openapi.json (OpenAPI 3.1): what is written by hand in openapi.json, and in it the schemas of documents
// and events, the given routes and the names of the actions on a channel.
func describeAPI(routes []route, schemas *schema.Schemas, actions map[string]channelAction, version string) ([]byte, error) {
	var doc struct {
		OpenAPI    string            `json:"openapi"`
		Info       object            `json:"info"`
		Servers    []object          `json:"servers"`
		Security   []object          `json:"security"`
		Paths      map[string]object `json:"paths"`
		Components struct {
			SecuritySchemes object `json:"securitySchemes"`
			Parameters      object `json:"parameters"`
			Schemas         object `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(skeleton, &doc); err != nil {
		return nil, fmt.Errorf("openapi.json: %w", err)
	}
	doc.Info["version"] = version
	for _, name := range schemas.Names() {
		doc.Components.Schemas[name] = component(schemas.Text(name).Plain())
	}
	var event any
	if err := json.Unmarshal(events.Schema(events.CommonSchema), &event); err != nil {
		return nil, fmt.Errorf("schema of events: %w", err)
	}
	doc.Components.Schemas["event"] = component(event)
	doc.Components.Schemas["channel_action_name"] = object{"type": "string", "enum": slices.Sorted(maps.Keys(actions))}
	for _, r := range routes {
		for method := range strings.FieldsSeq(r.methods) {
			path := doc.Paths[r.pattern]
			if path == nil {
				path = object{}
				doc.Paths[r.pattern] = path
			}
			path[strings.ToLower(method)] = operations[method+" "+r.pattern].describe(method, r)
		}
	}
	maps.Copy(doc.Paths, besideAPI)
	return json.Marshal(doc)
}

// component is a schema as a part of the description, where others are found elsewhere and the draft is said once.
func component(v any) any {
	switch v := v.(type) {
	case map[string]any:
		schema := object{}
		for key, value := range v {
			_, id := value.(string)
			switch {
			case key == "$schema", key == "$id", key == "id" && id:
			case key == "$ref":
				schema[key] = fmt.Sprint("#/components/schemas/", value)
			default:
				schema[key] = component(value)
			}
		}
		return schema
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = component(value)
		}
		return list
	}
	return v
}

func (o operation) describe(method string, r route) object {
	var parameters []object
	for name := range strings.SplitSeq(r.pattern, "/") {
		if name, ok := strings.CutPrefix(name, "{"); ok {
			parameters = append(parameters, object{
				"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"},
			})
		}
	}
	refer := func(names ...string) {
		for _, name := range names {
			parameters = append(parameters, reference("parameters", name))
		}
	}
	answer := object{"description": o.about, "content": jsonContent(object{
		"allOf":      []object{reference("schemas", "envelope")},
		"properties": object{"status": object{"type": "string", "const": "success"}, "data": reference("schemas", o.answer), "error": never, "message": never},
	})}
	if o.is&follows != 0 {
		refer("last_event_id")
		answer["content"] = object{"text/event-stream": object{"schema": reference("schemas", o.answer)}}
	}
	status := "200"
	if method == http.MethodPut {
		status = "201"
	}
	if o.is&acts != 0 {
		status = "202"
		refer("wait", "idempotency_key")
	}
	answers := object{status: answer, "default": object{"description": "A refusal", "content": jsonContent(reference("schemas", "error"))}}
	if o.is&acts != 0 { // waited for
		answers["200"] = answer
	}
	if o.is&sounds != 0 {
		sound := object{"audio/wav": object{"schema": object{"type": "string", "format": "binary"}}}
		answers["206"] = object{"description": "A range of its sound", "content": sound}
		answers["416"] = object{"description": "There is no such range"}
		maps.Copy(answer["content"].(object), sound)
	}
	if o.is&pages != 0 {
		refer("page_size", "start_key", "paginate")
	}
	if o.is&ofDevice != 0 {
		refer("owner")
	}
	if o.is&tagged != 0 {
		refer("if_match", "if_none_match")
		answers["412"] = object{"description": "What is stored is not what was expected"}
		if method == http.MethodGet {
			answers["304"] = object{"description": "It is what the client has"}
		}
	}
	described := object{"operationId": o.id, "summary": o.about, "tags": []string{tag(r.pattern)}, "responses": answers}
	if len(parameters) > 0 {
		described["parameters"] = parameters
	}
	if o.body != "" {
		described["requestBody"] = object{"content": jsonContent(object{
			"type": "object", "required": []string{"data"}, "properties": object{"data": reference("schemas", o.body)},
		})}
	}
	if r.who == open {
		described["security"] = []object{}
	}
	return described
}

// tag is what a route is about: the last word of its pattern that is no variable, but for what stands below metaflows.
func tag(pattern string) string {
	words := slices.DeleteFunc(strings.Split(pattern, "/"), func(w string) bool { return w == "" || w[0] == '{' })
	if slices.Contains(words, "metaflows") {
		return "metaflows"
	}
	return words[len(words)-1]
}

func reference(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func jsonContent(schema object) object { return object{"application/json": object{"schema": schema}} }

// besideAPI are the URIs without a token and without the envelope.
var besideAPI = func() map[string]object {
	get := func(id, about string, answers object) object {
		return object{"get": object{"operationId": id, "summary": about, "tags": []string{"operation"}, "security": []object{}, "responses": answers}}
	}
	says := func(about string, content object) object { return object{"description": about, "content": content} }
	return map[string]object{
		"/healthz": get("getHealth", "Whether the program runs", object{"200": says("It runs", jsonContent(reference("schemas", "ok")))}),
		"/readyz": get("getReadiness", "Whether each part is ready, and why not", object{
			"200": says("All are", jsonContent(reference("schemas", "readiness"))), "503": says("One is not", jsonContent(reference("schemas", "readiness"))),
		}),
		"/metrics":      get("getMetrics", "For Prometheus", object{"200": says("The metrics", object{"text/plain": object{"schema": object{"type": "string"}}})}),
		"/openapi.json": get("getDescription", "This description", object{"200": says("OpenAPI 3.1", jsonContent(object{"type": "object", "required": []string{"openapi", "info", "paths"}}))}),
	}
}()

// openAPI answers with the description.
func (a *API) openAPI(w http.ResponseWriter, r *http.Request) {
	if readOnly(w, r) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Access-Control-Allow-Origin", "*") // for viewers; it is the same for everybody
		_, _ = w.Write(a.description)
	}
}
