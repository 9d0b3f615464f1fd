// Package e2e holds the end-to-end tests: a real Asterisk, real SIP phones with RTP and RFC 4733 digits, the whole
// application and a real NATS server. Who hears whom, and which digits arrive, is measured at the phones.
package e2e
