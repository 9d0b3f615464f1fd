package rest

import (
	"encoding/json"
	"net/http"
)

// health answers as long as the process lives.
func (a *API) health(w http.ResponseWriter, r *http.Request) {
	if readOnly(w, r) {
		writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
	}
}

// ready answers 200 when every part is ready, else 503; the body says which is not, and why.
func (a *API) ready(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	type part struct {
		OK      bool   `json:"ok"`
		Problem string `json:"problem,omitempty"`
	}
	status := http.StatusOK
	parts := map[string]part{}
	for _, p := range a.cfg.Parts() {
		if p.Err == nil {
			parts[p.Name] = part{OK: true}
			continue
		}
		status = http.StatusServiceUnavailable
		parts[p.Name] = part{Problem: p.Err.Error()}
	}
	writeJSON(w, status, map[string]any{"ok": status == http.StatusOK, "parts": parts})
}

// metrics is for Prometheus, which has no token as a rule: there are numbers only, and no ids of calls, accounts or people.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	if readOnly(w, r) {
		w.Header().Set("Cache-Control", "no-store")
		a.cfg.Metrics.ServeHTTP(w, r)
	}
}

func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	writeJSON(w, http.StatusMethodNotAllowed, map[string]bool{"ok": false})
	return false
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
