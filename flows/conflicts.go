package flows

// Conflict is something in an effective document that does not do what somebody may expect who reads it (design 3.3).
type Conflict struct {
	Code    string `json:"code"`  // shadowed, prefix, unreachable, differs_from_kazoo, unsupported
	Entry   string `json:"entry"` // numbers.9, patterns.2(\d+)
	With    string `json:"with,omitempty"`
	Message string `json:"message"`
}

// Conflicts finds them.
func (e *Effective) Conflicts() []Conflict { return nil }
