package config

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What the systemd unit of asterisk-conf gives the program, for who runs a command beside it.
var (
	unitSettings = "/etc/metaflows/metaflows.env"
	unitPassword = "/etc/metaflows/ari.password"
	unitData     = "/var/lib/metaflows"
)

// LoadForCommand is Load for a command beside the program that runs: the settings of its systemd unit hold where the
// environment has none, its file with the password of ARI likewise, and its data folder where there is none here. Only with
// asterisk there must be a password of ARI; without, it and the URL of NATS are not looked at.
func LoadForCommand(asterisk bool) (cfg Config, warnings []string, err error) {
	problem := takeOver(unitSettings)
	if asterisk && !isSet(prefix+"_ARI_PASSWORD") && !isSet(prefix+"_ARI_PASSWORD_FILE") && !errors.Is(lstat(unitPassword), fs.ErrNotExist) {
		problem = errors.Join(problem, os.Setenv(prefix+"_ARI_PASSWORD_FILE", unitPassword))
	}
	cfg, warnings, err = load(asterisk)
	if problem != nil {
		warnings = append([]string{problem.Error()}, warnings...)
	}
	if err == nil && !isSet(prefix+"_DATA_DIR") && !isFolder(cfg.DataDir) && !errors.Is(lstat(unitData), fs.ErrNotExist) {
		cfg.DataDir = unitData
	}
	return cfg, warnings, err
}

// AdminTokenFile is where the program keeps the token of the super-admin, unless it is given one.
func (c *Config) AdminTokenFile() string { return filepath.Join(c.DataDir, "admin.token") }

// SuperAdminToken is the token of the super-admin: the one that is given, else the one that the program keeps.
func (c *Config) SuperAdminToken() (string, error) {
	if c.AdminToken != "" {
		return c.AdminToken, nil
	}
	token, err := readSecret(c.AdminTokenFile())
	if err != nil {
		return "", fmt.Errorf("the token in %s cannot be read: %w; accepted is METAFLOWS_DATA_DIR, METAFLOWS_ADMIN_TOKEN or METAFLOWS_ADMIN_TOKEN_FILE of the metaflows that runs, and who may read it", c.AdminTokenFile(), err)
	}
	return token, nil
}

func lstat(path string) error {
	_, err := os.Lstat(path)
	return err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// takeOver puts the settings of a file, as systemd reads it (systemd.exec(5), EnvironmentFile=), into the environment, where
// that has none of the name. That there is no such file is no error.
func takeOver(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if name = strings.TrimSpace(name); !found || !strings.HasPrefix(name, prefix+"_") {
			continue // a comment, or of no interest here
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
			value = value[1 : n-1]
		}
		if isSet(name) || isSet(name+"_FILE") || isSet(strings.TrimSuffix(name, "_FILE")) {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	return lines.Err()
}
