package phone

import "math"

// HearingThreshold is the level in dBFS from which a tone counts as heard: 18
// dB below the phones' own tone, and above what a tone of that level leaves at
// frequencies 40 Hz or more away, also while it begins and ends.
const HearingThreshold = -30.0

// floorLevel is the level in dBFS of nothing at all.
const floorLevel = -99.0

// ToneLevel returns the level in dBFS of one frequency, in Hz, in samples taken
// rate times a second; a sine of full scale has 0 dBFS. It serves recordings;
// a call has [Call.Level].
func ToneLevel(samples []int16, rate int, freq float64) float64 {
	if len(samples) == 0 {
		return floorLevel
	}
	var s1, s2 float64
	omega := 2 * math.Pi * freq / float64(rate)
	coeff := 2 * math.Cos(omega)
	for _, sample := range samples {
		s1, s2 = float64(sample)/32768+coeff*s1-s2, s1
	}
	return decibel(2 * math.Sqrt(max(0, s1*s1+s2*s2-coeff*s1*s2)) / float64(len(samples)))
}

// block is 20 ms of received audio.
type block struct {
	ulaw  [blockSamples]byte
	quiet bool // nothing was received: the samples count as 0
}

// spectrum returns the Fourier sum of one block at freq by Goertzel's algorithm.
// The phase refers to sample 0 of the call, where index counts the blocks since
// then, so the sums of consecutive blocks add up to that of a longer one.
func (b *block) spectrum(freq float64, index int) complex128 {
	if b.quiet {
		return 0
	}
	omega := 2 * math.Pi * freq / sampleRate
	coeff := 2 * math.Cos(omega)
	var s1, s2 float64
	for _, code := range b.ulaw {
		s1, s2 = ulawSample[code]+coeff*s1-s2, s1
	}
	sin, cos := math.Sincos(omega)
	last := complex(s1-s2*cos, s2*sin)
	turnSin, turnCos := math.Sincos(-omega * float64((index+1)*blockSamples-1))
	return last * complex(turnCos, turnSin)
}

// energy returns the sum of the block's squared samples.
func (b *block) energy() (sum float64) {
	if b.quiet {
		return 0
	}
	for _, code := range b.ulaw {
		sum += ulawSample[code] * ulawSample[code]
	}
	return sum
}

// The level of a tone is taken over 200 ms as the mean power of two halves.
// Each half is one Fourier sum with a resolution of 10 Hz; a jump of the phase,
// as at the end of a digit, spoils one half only.
const (
	windowBlocks = 10
	halfBlocks   = windowBlocks / 2
)

// windowLevel is the level in dBFS of a window of spectra, oldest first.
func windowLevel(x []complex128) float64 {
	var first, second complex128
	for i, v := range x {
		if i < len(x)-halfBlocks {
			first += v
		} else {
			second += v
		}
	}
	return decibel(math.Sqrt((power(amplitude(first)) + power(amplitude(second))) / 2))
}

// amplitude is that of the sine with Fourier sum x over half a window.
func amplitude(x complex128) float64 {
	return 2 * math.Hypot(real(x), imag(x)) / (halfBlocks * blockSamples)
}

func power(x float64) float64 { return x * x }

// decibel is the level in dBFS of an amplitude, where 1 is full scale.
func decibel(amplitude float64) float64 {
	if amplitude <= 0 {
		return floorLevel
	}
	return max(floorLevel, 20*math.Log10(amplitude))
}

// tracker follows one frequency through a call. It computes each block once,
// and only when it is asked.
type tracker struct {
	freq float64
	x    [windowBlocks]complex128 // spectra of blocks, at index modulo length
	done int                      // blocks seen: those before this index are computed
}

// level returns the level over the last window, given the blocks since index
// base of the call.
func (t *tracker) level(blocks []timedBlock, base int) float64 {
	end := base + len(blocks)
	for i := max(t.done, base, end-windowBlocks); i < end; i++ {
		t.x[i%windowBlocks] = blocks[i-base].spectrum(t.freq, i)
	}
	t.done = end
	var window [windowBlocks]complex128
	for i := range window {
		if index := end - windowBlocks + i; index >= base {
			window[i] = t.x[index%windowBlocks]
		}
	}
	return windowLevel(window[:])
}
