package phone

import "math"

// Audio is PCMU: 8000 samples per second, 160 in each 20 ms packet.
const (
	sampleRate   = 8000
	blockSamples = 160
)

// toneAmplitude is that of the phones' own tone, -12 dBFS.
const toneAmplitude = 0.25

// tone makes a sine whose phase goes on from packet to packet.
type tone struct {
	freq float64 // Hz; 0 is silence
	n    int     // samples made so far
}

// fill writes the next packet's samples as µ-law.
func (t *tone) fill(ulaw []byte) {
	if t.freq == 0 {
		for i := range ulaw {
			ulaw[i] = ulawSilence
		}
		t.n += len(ulaw)
		return
	}
	step := 2 * math.Pi * t.freq / sampleRate
	for i := range ulaw {
		ulaw[i] = encodeUlaw(int16(toneAmplitude * 32767 * math.Sin(math.Mod(step*float64(t.n), 2*math.Pi))))
		t.n++
	}
}

// ulawSilence is the code of the sample 0.
const ulawSilence = 0xff

// encodeUlaw is ITU-T G.711 µ-law for one 16-bit sample.
func encodeUlaw(sample int16) byte {
	const bias, clip = 0x84, 32635
	s, sign := int(sample), byte(0)
	if s < 0 {
		s, sign = -s, 0x80
	}
	s = min(s, clip) + bias
	exponent := byte(7)
	for mask := 0x4000; s&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	mantissa := byte(s>>(exponent+3)) & 0x0f
	return ^(sign | exponent<<4 | mantissa)
}

// ulawSample is the sample of each code, where 1 is full scale.
var ulawSample = func() (table [256]float64) {
	for code := range table {
		table[code] = float64(DecodeUlaw(byte(code))) / 32768
	}
	return table
}()

// DecodeUlaw is ITU-T G.711 µ-law for one code: a 16-bit sample.
func DecodeUlaw(code byte) int16 {
	code = ^code
	s := (int(code&0x0f)<<3 + 0x84) << (code & 0x70 >> 4)
	if code&0x80 != 0 {
		return int16(0x84 - s)
	}
	return int16(s - 0x84)
}
