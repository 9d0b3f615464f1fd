// Package phone is a SIP phone for lab and tests, on real sockets with real RTP.
// It calls and is called, presses keys, sends a tone of its own, and says which
// tones and which keys it hears: who hears whom is measured, never assumed.
//
//	alice, err := phone.New(ctx, phone.Config{User: "alice", Password: "...", Server: "127.0.0.1:5060", Tone: 400})
//	bob, err := phone.New(ctx, phone.Config{User: "bob", Password: "...", Server: "127.0.0.1:5060", Tone: 700})
//	defer alice.Close()
//	defer bob.Close()
//	err = alice.Register(ctx)
//	err = bob.Register(ctx)
//	bob.Behave(phone.AnswerAfter(50 * time.Millisecond))
//
//	a, err := alice.Call(ctx, "bob")   // blocks until bob has answered
//	b, err := bob.Incoming(ctx)        // bob's side of it
//	err = a.WaitTone(ctx, 700)         // alice hears bob
//	pressed, err := b.Press(ctx, "*9") // 100 ms on, 100 ms off
//	err = a.WaitDigits(ctx, "*9")
//	err = b.Hangup(ctx)
//	<-a.Ended()
//
// A phone has one UDP socket for SIP; a call has one for RTP and two goroutines.
// Everything ends with [Phone.Close], which waits for it. Errors say who did
// what, as in "bob on call to alice: waited 3s for 440 Hz, heard 523 Hz at -12
// dBFS". A phone may also call another's [Phone.URI] without a server between.
//
// Audio is PCMU in packets of 20 ms. There is no jitter buffer: what arrives is
// heard at once, and what does not arrive is silence.
package phone
