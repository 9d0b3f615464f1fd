// Package ari speaks to one Asterisk 22: it turns the websocket's frames into flows.Event and the verbs of actions.PBX
// into requests.
package ari
