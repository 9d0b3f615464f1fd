package rest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxBody is the largest request body (design 4); one byte more is a 413 and is not read.
const maxBody = 256 << 10

// readData reads the body's data as Kazoo does (kazoo-facts 1.2): a body must be an object and have data, which must be an
// object or an array; an empty body is empty data. When it cannot, it answers and gives nil.
func readData(s *answer, r *http.Request) *value {
	text, err := readBody(s.w, r)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		s.w.Header().Set("Connection", "close") // what is still to come is not read
		s.invalid(http.StatusRequestEntityTooLarge, one("file", "maxSize", detail{
			"message": "Payload or Files must not be more than 262144 bytes", "target": maxBody,
		}))
		return nil
	}
	if err != nil {
		s.invalid(http.StatusBadRequest, notJSON("the body could not be read"))
		return nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return object()
	}
	body, err := parseJSON(text)
	if err != nil {
		s.invalid(http.StatusBadRequest, notJSON(err.Error()))
		return nil
	}
	if body.kind != isObject {
		s.invalid(http.StatusBadRequest, notJSON("the body is not a JSON object"))
		return nil
	}
	var data *value
	for _, m := range body.members {
		if envelopeKey(m.key) != "data" || m.value.kind == isNull {
			continue
		}
		if data != nil {
			s.invalid(http.StatusBadRequest, one("data", "duplicate", detail{"message": "Key stands twice in one object"}))
			return nil
		}
		data = m.value
	}
	switch {
	case data == nil:
		s.invalid(http.StatusBadRequest, one("data", "required", detail{"message": "Field is required but missing", "value": body}))
		return nil
	case data.kind != isObject && data.kind != isArray:
		s.invalid(http.StatusBadRequest, one("data", "type", detail{
			"message": "Value did not match type(s): object, array", "target": "object, array", "value": data,
		}))
		return nil
	}
	return data
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

func notJSON(reason string) *problems {
	return one("json", "invalid", detail{"message": reason, "target": "body"})
}

// envelopeKey is how Kazoo reads the envelope's keys.
func envelopeKey(key string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(key))
}
