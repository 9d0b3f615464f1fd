package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var errMissingPassword = errors.New("METAFLOWS_ARI_PASSWORD is not set; accepted is the password of METAFLOWS_ARI_USERNAME in ari.conf (or its file, in METAFLOWS_ARI_PASSWORD_FILE)")

// secretLimit is far above any token; a bigger file is a wrong path.
const secretLimit = 64 << 10

// secrets reads the values that are given as files, or only the token's.
func (c *Config) secrets(vars []variable, all bool) error {
	target := map[string]*string{"METAFLOWS_ARI_PASSWORD": &c.ARI.Password, "METAFLOWS_ADMIN_TOKEN": &c.AdminToken, "METAFLOWS_NATS_URL": &c.NATS.URL}
	for _, v := range vars {
		path := os.Getenv(v.Name + "_FILE")
		if !v.File || path == "" || !all && v.Name != "METAFLOWS_ADMIN_TOKEN" {
			continue
		}
		if *target[v.Name] != "" {
			return fmt.Errorf("%s and %s_FILE are both set; accepted is one of them", v.Name, v.Name)
		}
		value, err := readSecret(path)
		if err != nil {
			return fmt.Errorf("%s_FILE=%q cannot be used: %w; accepted is the path of a file that holds %s", v.Name, path, err, v.Accepts)
		}
		*target[v.Name] = value
	}
	return nil
}

// readSecret gives a file's content without the line end that editors add.
func readSecret(path string) (string, error) {
	raw, err := os.ReadFile(path)
	var short *os.PathError
	switch {
	case errors.As(err, &short):
		return "", short.Err
	case err != nil:
		return "", err
	case len(raw) > secretLimit:
		return "", errors.New("the file is too big for a secret")
	}
	value := strings.TrimRight(string(raw), "\r\n")
	if value == "" {
		return "", errors.New("the file is empty")
	}
	return value, nil
}

// KeptSecret gives the secret that is kept in a file, and makes both at the first call: 52 random letters and digits,
// mode 0600. made says that it is new. One that somebody has put there must be as good as METAFLOWS_ADMIN_TOKEN.
func KeptSecret(path string) (value string, made bool, err error) {
	value, err = readSecret(path)
	if err == nil && !isToken(value) {
		return "", false, fmt.Errorf("%s has a wrong content (not shown); accepted is 16 to 512 printable characters without spaces, or no file: one is made then", path)
	}
	if err == nil {
		return value, false, os.Chmod(path, 0o600)
	}
	if _, stat := os.Lstat(path); !errors.Is(stat, os.ErrNotExist) {
		return "", false, fmt.Errorf("read %s: %w", path, err)
	}
	value = rand.Text() + rand.Text()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, err
	}
	// A reader never sees half a secret: it is written beside and renamed.
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return "", false, err
	}
	_, err = f.WriteString(value + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", false, fmt.Errorf("keep %s: %w", path, err)
	}
	return value, true, nil
}
