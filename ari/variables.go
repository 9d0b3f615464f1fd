package ari

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Channel variables. Asterisk 22.10 reads and writes several in one request, older ones do not know it.

// variables is the body of those requests and their answers.
type variables struct {
	Variables map[string]string `json:"variables"`
}

// Variables reads channel variables and functions; what is not set is "". It is one request, unless a function that is among
// them fails: then Asterisk refuses them all together, and they are read one by one.
func (c *Client) Variables(channel string, names ...string) (map[string]string, error) {
	const verb = "read variables of"
	if len(names) == 0 {
		return map[string]string{}, nil
	}
	if len(names) > 1 && !c.oneByOne.Load() {
		values, err := c.variables(channel, names)
		if err == nil && values != nil {
			return values, nil
		}
		if err != nil && !says(err, textNoVariable) && !c.mustGoOneByOne(err) {
			return nil, fail(verb, channel, err)
		}
	}
	values := make(map[string]string, len(names))
	for _, name := range names {
		value, err := c.variable(channel, name)
		if err != nil {
			return nil, fail(verb, channel, err)
		}
		values[name] = value
	}
	return values, nil
}

// plain is the name of a variable, and of no function.
var plain = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// question is what is asked of a variable so that it answers with nothing where it is not set. To ask for the variable itself
// would then be an error, also for all that is asked beside it (ari/ASTERISK.md, Whose a channel is).
func question(name string) string {
	if plain.MatchString(name) {
		return "EVAL(${" + name + "})"
	}
	return name
}

// variables reads several at once; nil when some are missing in the answer.
func (c *Client) variables(channel string, names []string) (map[string]string, error) {
	questions := make([]string, len(names))
	for i, name := range names {
		questions[i] = question(name)
	}
	var answer variables
	query := url.Values{"variables": {strings.Join(questions, ",")}}
	err := c.do(request{method: http.MethodGet, path: []string{"channels", channel, "variables"}, query: query}, &answer)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		value, ok := answer.Variables[questions[i]]
		if !ok {
			return nil, nil
		}
		values[name] = value
	}
	return values, nil
}

// variable reads one; "" when it is not set.
func (c *Client) variable(channel, name string) (string, error) {
	var answer struct {
		Value string `json:"value"`
	}
	query := url.Values{"variable": {name}}
	err := c.do(request{method: http.MethodGet, path: []string{"channels", channel, "variable"}, query: query}, &answer)
	if says(err, textNoVariable) {
		return "", nil
	}
	return answer.Value, err
}

// mustGoOneByOne says whether an error means that this Asterisk does not know the requests for several variables, and
// remembers it until the next connect.
func (c *Client) mustGoOneByOne(err error) bool {
	if !says(err, textNoResource) {
		return false
	}
	c.oneByOne.Store(true)
	return true
}

// says tells whether Asterisk has answered with a text.
func says(err error, text string) bool {
	var e *Error
	return errors.As(err, &e) && e.Message == text
}
