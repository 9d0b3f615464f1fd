package rest

// operation is what /openapi.json says of one method of one URI. Body and answer name schemas of the components there: of
// the data in the request, and of the data in the answer when all goes well.
type operation struct {
	id     string // operationId: what generated clients call it, so that it stays
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
	sounds                      // the answer may be sound, or a range of it
	acts                        // it runs something on a live call, whose outcome may be waited for
)

// operations describe all routes, by method and pattern: a test fails where one is missing, or too many.
var operations = map[string]operation{
	"GET /v2/accounts/{account}/metaflows":                            {"getAccountMetaflows", "The account's document", "", "document", tagged},
	"POST /v2/accounts/{account}/metaflows":                           {"replaceAccountMetaflows", "Replaces the account's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/metaflows":                         {"deleteAccountMetaflows", "Deletes the account's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/documents":                            {"listAccountDocuments", "All documents of the account, as they are stored", "", "stored_documents", pages},
	"GET /v2/documents":                                               {"listDocuments", "All documents, as they are stored", "", "stored_documents", pages},
	"GET /v2/accounts/{account}/users/{user}/metaflows":               {"getUserMetaflows", "The user's document", "", "document", tagged},
	"POST /v2/accounts/{account}/users/{user}/metaflows":              {"replaceUserMetaflows", "Replaces the user's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/users/{user}/metaflows":            {"deleteUserMetaflows", "Deletes the user's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/devices/{device}/metaflows":           {"getDeviceMetaflows", "The device's document", "", "document", tagged},
	"POST /v2/accounts/{account}/devices/{device}/metaflows":          {"replaceDeviceMetaflows", "Replaces the device's document", "metaflows", "document", tagged},
	"DELETE /v2/accounts/{account}/devices/{device}/metaflows":        {"deleteDeviceMetaflows", "Deletes the device's document", "", "nothing", tagged},
	"GET /v2/accounts/{account}/metaflows/effective":                  {"getAccountEffectiveMetaflows", "What holds for the account", "", "effective", 0},
	"GET /v2/accounts/{account}/users/{user}/metaflows/effective":     {"getUserEffectiveMetaflows", "What holds for the user", "", "effective", 0},
	"GET /v2/accounts/{account}/devices/{device}/metaflows/effective": {"getDeviceEffectiveMetaflows", "What holds for the device", "", "effective", ofDevice},
	"POST /v2/accounts/{account}/metaflows/simulate":                  {"simulateAccountMetaflows", "Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", 0},
	"POST /v2/accounts/{account}/users/{user}/metaflows/simulate":     {"simulateUserMetaflows", "Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", 0},
	"POST /v2/accounts/{account}/devices/{device}/metaflows/simulate": {"simulateDeviceMetaflows", "Plays keys through; nothing is stored and no call is touched", "simulation_request", "simulation", ofDevice},
	"GET /v2/accounts/{account}/calls/{call}/events":                  {"listCallEvents", "The story of one call, running or past; a user's own only", "", "story", pages},
	"GET /v2/accounts/{account}/events":                               {"followAccountEvents", "The account's events as they come, as server-sent events", "", "event_stream", follows},
	"GET /v2/events":                                                  {"followEvents", "All events as they come, as server-sent events", "", "event_stream", follows},
	"GET /v2/accounts/{account}/recordings":                           {"listRecordings", "What was recorded, the latest first; for a user his own", "", "recording_list", pages},
	"GET /v2/accounts/{account}/users/{user}/recordings":              {"listUserRecordings", "What the user has recorded, the latest first", "", "recording_list", pages},
	"GET /v2/accounts/{account}/recordings/{recording}":               {"getRecording", "What is known of a recording; its sound, where that is accepted", "", "recording", sounds},
	"DELETE /v2/accounts/{account}/recordings/{recording}":            {"deleteRecording", "Deletes a recording: its sound, and what is known of it", "", "recording", 0},
	"GET /v2/channels":                                     {"listChannels", "The live channels of all accounts, each under its account", "", "all_channels", 0},
	"GET /v2/accounts/{account}/channels":                  {"listAccountChannels", "The account's live channels; for a user those that he may act on", "", "channel_list", 0},
	"GET /v2/accounts/{account}/users/{user}/channels":     {"listUserChannels", "The user's live channels", "", "channel_list", 0},
	"GET /v2/accounts/{account}/devices/{device}/channels": {"listDeviceChannels", "The device's live channels", "", "channel_list", 0},
	"GET /v2/accounts/{account}/channels/{channel}":        {"getChannel", "A live channel, and its call", "", "channel_details", 0},
	"POST /v2/accounts/{account}/channels/{channel}":       {"actOnChannel", "Does something to a live call by one of its channels", "channel_action", "told", acts},
	"PUT /v2/accounts/{account}/channels/{channel}":        {"runMetaflow", "Runs a metaflow, as if the channel's party had pressed a code for it; action beside data is metaflow", "metaflow", "told", acts},
	"GET /v2/accounts":                                     {"listAccounts", "All accounts for the super-admin, else the own one", "", "account_list", pages},
	"PUT /v2/accounts":                                     {"createAccount", "Makes an account", "accounts", "account", tagged},
	"GET /v2/accounts/{account}":                           {"getAccount", "An account", "", "account", tagged},
	"POST /v2/accounts/{account}":                          {"replaceAccount", "Replaces an account", "accounts", "account", tagged},
	"PATCH /v2/accounts/{account}":                         {"changeAccount", "Changes an account", "patch", "account", tagged},
	"DELETE /v2/accounts/{account}":                        {"deleteAccount", "Deletes an account and all that belongs to it", "", "account", tagged},
	"GET /v2/accounts/{account}/users":                     {"listUsers", "The account's users", "", "user_list", pages},
	"PUT /v2/accounts/{account}/users":                     {"createUser", "Makes a user", "users", "user", tagged},
	"GET /v2/accounts/{account}/users/{user}":              {"getUser", "A user", "", "user", tagged},
	"POST /v2/accounts/{account}/users/{user}":             {"replaceUser", "Replaces a user", "users", "user", tagged},
	"PATCH /v2/accounts/{account}/users/{user}":            {"changeUser", "Changes a user", "patch", "user", tagged},
	"DELETE /v2/accounts/{account}/users/{user}":           {"deleteUser", "Deletes a user, his document and his API keys", "", "user", tagged},
	"GET /v2/accounts/{account}/users/{user}/devices":      {"listUserDevices", "The user's devices", "", "device_list", pages},
	"GET /v2/accounts/{account}/devices":                   {"listDevices", "The account's devices; for a user his own", "", "device_list", pages},
	"PUT /v2/accounts/{account}/devices":                   {"createDevice", "Makes a device", "devices", "device", tagged},
	"GET /v2/accounts/{account}/devices/{device}":          {"getDevice", "A device", "", "device", tagged},
	"POST /v2/accounts/{account}/devices/{device}":         {"replaceDevice", "Replaces a device", "devices", "device", tagged},
	"PATCH /v2/accounts/{account}/devices/{device}":        {"changeDevice", "Changes a device", "patch", "device", tagged},
	"DELETE /v2/accounts/{account}/devices/{device}":       {"deleteDevice", "Deletes a device and its document", "", "device", tagged},
	"GET /v2/accounts/{account}/api_keys":                  {"listApiKeys", "The account's API keys", "", "api_key_list", pages},
	"PUT /v2/accounts/{account}/api_keys":                  {"createApiKey", "Makes an API key", "api_key", "shown_api_key", 0},
	"GET /v2/accounts/{account}/api_keys/{key}":            {"getApiKey", "An API key", "", "shown_api_key", 0},
	"DELETE /v2/accounts/{account}/api_keys/{key}":         {"deleteApiKey", "Revokes an API key and every token that it was exchanged for", "", "nothing", 0},
	"PUT /v2/api_auth":                                     {"createToken", "Exchanges an API key for a token", "api_auth", "login", 0},
	"GET /v2/token_auth":                                   {"getToken", "Who has the token", "", "login", 0},
	"DELETE /v2/token_auth":                                {"deleteToken", "Ends the token", "", "nothing", 0},
	"GET /v2/schemas":                                      {"listSchemas", "The names of all schemas of documents", "", "names", 0},
	"GET /v2/schemas/{name}":                               {"getSchema", "A schema, as JSON Schema draft 4", "", "any_schema", 0},
	"GET /v2/schemas/events":                               {"listEventSchemas", "The types of events, and event: what they have in common", "", "names", 0},
	"GET /v2/schemas/events/{type}":                        {"getEventSchema", "The schema of a type's payload, as JSON Schema 2020-12", "", "any_schema", 0},
}
