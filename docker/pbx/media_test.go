package pbx

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// talker is a calling end that is never silent: a recording of a bridge in which nobody sends
// anything ends by itself after four seconds.
const talker = `[caller]
exten => s,1,Answer()
 same => n,Playtones(800)
 same => n,Wait(20)
`

// TestMedia uses what the application needs of ARI, so that no module is missing.
func TestMedia(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": talker}})
	app := connect(t, server)
	call(t, server, "lone", "acme")
	leg := app.await("StasisStart").Channel.ID
	post := func(path string, want int, query ...string) {
		t.Helper()
		values := url.Values{}
		for n := 0; n < len(query); n += 2 {
			values.Set(query[n], query[n+1])
		}
		request(t, server, http.MethodPost, path, values, want)
	}

	post("/bridges", 200, "type", "mixing,dtmf_events", "bridgeId", "b")
	if bridges, err := server.Bridges(t.Context()); err != nil || len(bridges) != 1 || bridges[0] != "b" {
		t.Errorf("bridges %v, %v", bridges, err)
	}
	post("/bridges/b/addChannel", 204, "channel", leg, "absorbDTMF", "true")
	app.await("ChannelEnteredBridge")

	post("/bridges/b/record", 201, "name", "acme/call/recording", "format", "wav")
	app.await("RecordingStarted")
	for _, media := range []string{"tone:1400/200", "sound:beep"} {
		post("/bridges/b/play/p", 201, "media", media)
		app.await("PlaybackStarted")
		if media == "sound:beep" {
			app.await("PlaybackFinished")
			continue
		}
		request(t, server, http.MethodDelete, "/playbacks/p", nil, 204)
		app.await("PlaybackFinished")
	}
	post("/recordings/live/acme%2Fcall%2Frecording/stop", 204)
	app.await("RecordingFinished")
	file := filepath.Join(server.RecordingDir, "acme", "call", "recording.wav")
	if info, err := os.Stat(file); err != nil || info.Size() < 1000 {
		t.Errorf("recording: %v, %v", info, err)
	}

	post("/channels/"+leg+"/snoop/s", 200, "whisper", "out", "app", "metaflows")
	app.await("StasisStart")
	post("/channels/s/play/q", 201, "media", "sound:beep")
	app.await("PlaybackFinished")
	request(t, server, http.MethodDelete, "/channels/s", nil, 204)

	for variable, value := range map[string]string{"VOLUME(TX)": "2", "PITCH_SHIFT(tx)": "1.2", "CHANNEL(callgroup)": "", "CHANNEL(namedcallgroup)": "", "CALLERID(num)": "1001", "TIMEOUT(absolute)": "60"} {
		post("/channels/"+leg+"/variable", 204, "variable", variable, "value", value)
	}
	post("/channels/"+leg+"/dtmf", 204, "dtmf", "5")
	post("/bridges/b/moh", 204, "mohClass", "lab")
	post("/channels/"+leg+"/mute", 204, "direction", "in")
	for _, line := range server.Complaints() {
		t.Error(line)
	}
}
