package broker

import (
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// EventStream is the stream that holds the events.
const EventStream = "METAFLOWS_EVENTS"

// EventSubjects is what the stream holds and what subscribers hear; PublishSubjects is where events are published. Between
// them stands the stream, so that a subscriber hears what is stored, when it is stored, once and in the stream's order: not
// what the stream refuses, and not again what is sent again. (A server does not let a stream tell on the subjects that it
// collects: it calls that a cycle.)
const (
	EventSubjects   = eventPrefix + ">"
	PublishSubjects = publishPrefix + ">"

	eventPrefix   = "metaflows.v1.event."
	publishPrefix = "metaflows.v1.publish."
)

// PublishSubject is where an event is published that has the subject in the stream.
func PublishSubject(event string) string {
	return publishPrefix + strings.TrimPrefix(event, eventPrefix)
}

// CollectEvents has a stream collect what is published, store it under the subjects of events, and tell it there.
func CollectEvents(c *jetstream.StreamConfig) {
	c.Subjects = []string{PublishSubjects}
	c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: PublishSubjects, Destination: EventSubjects}
	c.RePublish = &jetstream.RePublish{Source: EventSubjects, Destination: EventSubjects}
}

// CollectsEvents says whether a stream does.
func CollectsEvents(c jetstream.StreamConfig) bool {
	want := c
	CollectEvents(&want)
	return slices.Equal(c.Subjects, want.Subjects) &&
		c.SubjectTransform != nil && *c.SubjectTransform == *want.SubjectTransform &&
		c.RePublish != nil && *c.RePublish == *want.RePublish
}
