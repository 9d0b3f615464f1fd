package main

// account is whose codes demo and lab set; alice, bob, carol and dave are of it.
const account = "acme"

// metaflowsPath is the account's document in the REST API.
const metaflowsPath = "/v2/accounts/" + account + "/metaflows"

// document is the one of the specification's example, and 9 to record.
const document = `{"data":{"binding_digit":"*",` +
	`"numbers":{"9":{"module":"record_call"}},` +
	`"patterns":{"2(\\d+)":{"module":"transfer","data":{"takeback_dtmf":"*1"}}}}}`
