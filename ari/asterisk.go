package ari

import (
	"net/http"
	"strconv"
	"strings"

	v5 "github.com/CyCoreSystems/ari/v5"
)

// What is known of Asterisk itself.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_API/

// minVersion is the first Asterisk that has all we need.
const minVersion = 22

// Info is what Asterisk says of itself.
type Info struct {
	Version  string // 22.10.1
	EntityID string // unique for each Asterisk
	Name     string // of the system, where asterisk.conf gives one
	User     string // that it runs as, where it was told one (asterisk -U, runuser)
}

// Info asks Asterisk for its version and names.
func (c *Client) Info() (Info, error) {
	info, err := c.v5.Asterisk().Info(nil)
	if err != nil {
		return Info{}, fail("ask for Asterisk's version", "", err)
	}
	return newInfo(info), nil
}

func newInfo(info *v5.AsteriskInfo) Info {
	return Info{Version: info.SystemInfo.Version, EntityID: info.SystemInfo.EntityID, Name: info.ConfigInfo.Name, User: info.ConfigInfo.SetID.User}
}

// tooOld says whether a version is known to be older than what we need. One that is not a number (a git build) is given
// the benefit of the doubt.
func tooOld(version string) bool {
	v := strings.TrimPrefix(strings.TrimPrefix(version, "certified-"), "certified/")
	v = strings.TrimPrefix(v, "GIT-")
	end := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(v)
	}
	major, err := strconv.Atoi(v[:end])
	return err == nil && major < minVersion
}

// Application is an ARI application that is known to Asterisk.
type Application struct {
	Name     string
	Channels []string // ids that it is subscribed to: those in it, and those that it made
	Bridges  []string
}

// Applications lists the ARI applications; ours is among them while it is connected or subscribed to something.
func (c *Client) Applications() ([]Application, error) {
	var answer []v5.ApplicationData
	if err := c.do(request{method: http.MethodGet, path: []string{"applications"}}, &answer); err != nil {
		return nil, fail("list applications", "", err)
	}
	list := make([]Application, 0, len(answer))
	for _, a := range answer {
		list = append(list, Application{Name: a.Name, Channels: a.ChannelIDs, Bridges: a.BridgeIDs})
	}
	return list, nil
}
