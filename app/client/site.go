package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wellFormed says whether a word can be an id; the API says so, too.
func wellFormed(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// place is where a document belongs: kind is "" for an account's own, users or devices.
type place struct{ account, kind, id string }

// file is the place's file in a folder.
func (p place) file() string {
	if p.kind == "" {
		return filepath.Join(p.account, "account.json")
	}
	return filepath.Join(p.account, p.kind, p.id+".json")
}

// path is the place's URI.
func (p place) path() string {
	path := accountPath(p.account)
	if p.kind != "" {
		path += "/" + p.kind + "/" + url.PathEscape(p.id)
	}
	return path + "/metaflows"
}

// placeOf is the place of a file; ok is false where it is none of a site.
func placeOf(file string) (p place, ok bool) {
	parts := strings.Split(filepath.ToSlash(file), "/")
	name, isJSON := strings.CutSuffix(parts[len(parts)-1], ".json")
	switch {
	case len(parts) == 2 && parts[1] == "account.json":
		p = place{account: parts[0]}
	case len(parts) == 3 && isJSON && (parts[1] == "users" || parts[1] == "devices"):
		p = place{parts[0], parts[1], name}
	default:
		return place{}, false
	}
	return p, wellFormed(p.account) && (p.kind == "" || wellFormed(p.id))
}

// document is one, and its revision where it is stored.
type document struct {
	text     []byte // compact JSON, keys in their order
	revision string
}

// site is documents by their place.
type site map[place]document

func (s site) places() []place {
	return slices.SortedFunc(maps.Keys(s), func(a, b place) int { return strings.Compare(a.file(), b.file()) })
}

// stored is the site of an account, "" for all accounts, as it is stored.
func (t *terminal) stored(ctx context.Context) (site, error) {
	path := "/v2/documents"
	if t.account != "" {
		path = accountPath(t.account) + "/documents"
	}
	all := site{}
	for start := ""; ; {
		said, err := t.within(ctx, http.MethodGet, path+"?page_size=1000&start_key="+url.QueryEscape(start), nil, nil)
		if err != nil {
			return nil, err
		}
		var page []struct {
			Account   string          `json:"account_id"`
			User      string          `json:"user_id"`
			Device    string          `json:"device_id"`
			Revision  string          `json:"revision"`
			Metaflows json.RawMessage `json:"metaflows"`
		}
		if err := json.Unmarshal(said.Data, &page); err != nil {
			return nil, err
		}
		for _, d := range page {
			p := place{account: d.Account}
			switch {
			case d.User != "":
				p.kind, p.id = "users", d.User
			case d.Device != "":
				p.kind, p.id = "devices", d.Device
			}
			text, err := compact(d.Metaflows)
			if err != nil {
				return nil, fmt.Errorf("%s: what is stored is no JSON object; store or delete it", p.path())
			}
			all[p] = document{text, d.Revision}
		}
		if start = said.Next; start == "" {
			return all, nil
		}
	}
}

// read is the site in a folder, or the part of it that is of an account.
func (t *terminal) read(folder string) (site, error) {
	all := site{}
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the site's folder cannot be read: %w; metaflows documents get --apply makes one", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := filepath.Rel(folder, path)
		if err != nil || file == "." || entry.IsDir() {
			return err
		}
		p, ok := placeOf(file)
		if !ok {
			if strings.HasSuffix(file, ".json") {
				return fmt.Errorf("%s belongs to no site; accepted are <account>/account.json, <account>/users/<user>.json and <account>/devices/<device>.json", path)
			}
			return nil
		}
		if t.account != "" && p.account != t.account {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			text, err = compact(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all[p] = document{text: text}
		return nil
	})
	return all, err
}

// compact is JSON without its spaces; it must be an object.
func compact(text []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(b.Bytes(), []byte("{")) {
		return nil, errors.New("this is no JSON object")
	}
	return b.Bytes(), nil
}
