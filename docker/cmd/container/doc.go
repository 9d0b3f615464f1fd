// Command container is what the lab's containers run beside Asterisk, NATS and metaflows themselves (docker/compose.yaml): it makes
// the logins, becomes a configured Asterisk, stores the first codes, and is the phones of the demo call. Its settings are the
// variables that compose.yaml gives to each service.
package main
