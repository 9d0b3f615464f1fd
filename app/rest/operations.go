package rest

// operation is what /openapi.json says of one method of one URI. Body and answer name schemas of the components there: of
// the data in the request, and of the data in the answer when all goes well.
type operation struct {
	about  string // one sentence
	body   string // "" where there is none
	answer string
	is     traits
}

// traits are what several operations have in common.
type traits uint8

const (
	pages    traits = 1 << iota // the answer is a page of a list
	tagged                      // it takes conditions, and its answer may have an entity tag
	ofDevice                    // it may be told whose the device is
	follows                     // the answer goes on, and tells events as they come
	acts                        // it runs something on a live call, whose outcome may be waited for
)

// operations describe all routes, by method and pattern: a test fails where one is missing, or too many.
var operations = map[string]operation{
	"GET /v2/accounts/{account}/metaflows":                            {"The account's document", "", "document", tagged},
	"POST /v2/accounts/{account}/metaflows":                           {"Replaces the account's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/metaflows":                         {"Deletes the account's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/documents":                            {"All documents of the account, as they are stored", "", "stored_documents", pages},
	"GET /v2/documents":                                               {"All documents, as they are stored", "", "stored_documents", pages},
	"GET /v2/accounts/{account}/users/{user}/metaflows":               {"The user's document", "", "document", tagged},
	"POST /v2/accounts/{account}/users/{user}/metaflows":              {"Replaces the user's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/users/{user}/metaflows":            {"Deletes the user's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/devices/{device}/metaflows":           {"The device's document", "", "document", tagged},
	"POST /v2/accounts/{account}/devices/{device}/metaflows":          {"Replaces the device's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/devices/{device}/metaflows":        {"Deletes the device's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/metaflows/effective":                  {"What holds for the account", "", "effective", 0},
	"GET /v2/accounts/{account}/users/{user}/metaflows/effective":     {"What holds for the user", "", "effective", 0},
	"GET /v2/accounts/{account}/devices/{device}/metaflows/effective": {"What holds for the device", "", "effective", ofDevice},
	"POST /v2/accounts/{account}/metaflows/simulate":                  {"Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", 0},
	"POST /v2/accounts/{account}/users/{user}/metaflows/simulate":     {"Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", 0},
	"POST /v2/accounts/{account}/devices/{device}/metaflows/simulate": {"Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", ofDevice},
	"GET /v2/accounts/{account}/calls/{call}/events":                  {"The story of one call, running or past; a user's own only", "", "story", pages},
	"GET /v2/accounts/{account}/events":                               {"The account's events as they come, as server-sent events", "", "event_stream", follows},
	"GET /v2/events":                                                  {"All events as they come, as server-sent events", "", "event_stream", follows},
	"GET /v2/channels":                                                {"The live channels of all accounts, each under its account", "", "all_channels", 0},
	"GET /v2/accounts/{account}/channels":                             {"The account's live channels; for a user those that he may act on", "", "channel_list", 0},
	"GET /v2/accounts/{account}/users/{user}/channels":                {"The user's live channels", "", "channel_list", 0},
	"GET /v2/accounts/{account}/devices/{device}/channels":            {"The device's live channels", "", "channel_list", 0},
	"GET /v2/accounts/{account}/channels/{channel}":                   {"A live channel, and its call", "", "channel_details", 0},
	"POST /v2/accounts/{account}/channels/{channel}":                  {"Does something to a live call by one of its channels", "channel_action", "told", acts},
	"PUT /v2/accounts/{account}/channels/{channel}":                   {"Runs a metaflow, as if the channel's party had pressed a code for it; action beside data is metaflow", "metaflow", "told", acts},
	"GET /v2/accounts":                                                {"All accounts for the super-admin, else the own one", "", "account_list", pages},
	"PUT /v2/accounts":                                                {"Makes an account", "accounts", "account", tagged},
	"GET /v2/accounts/{account}":                                      {"An account", "", "account", tagged},
	"POST /v2/accounts/{account}":                                     {"Replaces an account", "accounts", "account", tagged},
	"PATCH /v2/accounts/{account}":                                    {"Changes an account", "patch", "account", tagged},
	"DELETE /v2/accounts/{account}":                                   {"Deletes an account and all that belongs to it", "", "account", tagged},
	"GET /v2/accounts/{account}/users":                                {"The account's users", "", "user_list", pages},
	"PUT /v2/accounts/{account}/users":                                {"Makes a user", "users", "user", tagged},
	"GET /v2/accounts/{account}/users/{user}":                         {"A user", "", "user", tagged},
	"POST /v2/accounts/{account}/users/{user}":                        {"Replaces a user", "users", "user", tagged},
	"PATCH /v2/accounts/{account}/users/{user}":                       {"Changes a user", "patch", "user", tagged},
	"DELETE /v2/accounts/{account}/users/{user}":                      {"Deletes a user, his document and his API keys", "", "user", tagged},
	"GET /v2/accounts/{account}/users/{user}/devices":                 {"The user's devices", "", "device_list", pages},
	"GET /v2/accounts/{account}/devices":                              {"The account's devices; for a user his own", "", "device_list", pages},
	"PUT /v2/accounts/{account}/devices":                              {"Makes a device", "devices", "device", tagged},
	"GET /v2/accounts/{account}/devices/{device}":                     {"A device", "", "device", tagged},
	"POST /v2/accounts/{account}/devices/{device}":                    {"Replaces a device", "devices", "device", tagged},
	"PATCH /v2/accounts/{account}/devices/{device}":                   {"Changes a device", "patch", "device", tagged},
	"DELETE /v2/accounts/{account}/devices/{device}":                  {"Deletes a device and its document", "", "device", tagged},
	"GET /v2/accounts/{account}/api_keys":                             {"The account's API keys", "", "api_key_list", pages},
	"PUT /v2/accounts/{account}/api_keys":                             {"Makes an API key", "api_key", "shown_api_key", 0},
	"GET /v2/accounts/{account}/api_keys/{key}":                       {"An API key", "", "shown_api_key", 0},
	"DELETE /v2/accounts/{account}/api_keys/{key}":                    {"Revokes an API key and every token that it was exchanged for", "", "nothing", 0},
	"PUT /v2/api_auth":                                                {"Exchanges an API key for a token", "api_auth", "login", 0},
	"GET /v2/token_auth":                                              {"Who has the token", "", "login", 0},
	"DELETE /v2/token_auth":                                           {"Ends the token", "", "nothing", 0},
	"GET /v2/schemas":                                                 {"The names of all schemas of documents", "", "names", 0},
	"GET /v2/schemas/{name}":                                          {"A schema, as JSON Schema draft 4", "", "any_schema", 0},
	"GET /v2/schemas/events":                                          {"The types of events, and event: what they have in common", "", "names", 0},
	"GET /v2/schemas/events/{type}":                                   {"The schema of a type's payload, as JSON Schema 2020-12", "", "any_schema", 0},
}
