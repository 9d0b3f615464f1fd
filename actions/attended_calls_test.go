package actions_test

// attendedCalls are what becomes of an attended transfer: *7 and a target begins it, then *1 takes back, *2 completes, *3 brings
// all together, *4 changes who waits. A line "from RemoveFromBridge on" does not hold where the application was killed so early
// that the code went with it; and keys that are pressed twice are for the case that it was dead the first time.
var attendedCalls = map[string]string{
	"taken back": `alice calls bob
bob presses *71003
wait 3s
from RemoveFromBridge on bob talks to carol
from RemoveFromBridge on alice hears music
from RemoveFromBridge on alice does not talk to bob
from RemoveFromBridge on at least once carol rings
bob presses *1
wait 2s
bob presses *1
wait 2s
alice talks to bob
alice hears no music
carol is gone
alice hangs up
wait 2s
bob is gone
`,
	"taken back while it rings": `carol answers after 30s
alice calls bob
bob presses *71003
wait 2s
from RemoveFromBridge on alice hears music
bob presses *1
wait 2s
bob presses *1
wait 2s
alice talks to bob
alice hears no music
carol is gone
bob hangs up
wait 2s
alice is gone
`,
	"completed": `alice calls bob
alice presses *71003
wait 3s
from RemoveFromBridge on alice talks to carol
alice presses *2
wait 2s
alice presses *2
wait 2s
from RemoveFromBridge on bob talks to carol
from RemoveFromBridge on bob hears no music
from RemoveFromBridge on alice is gone
carol hangs up
bob hangs up
wait 2s
bob is gone
alice hangs up
wait 2s
alice is gone
`,
	"completed by hanging up": `alice calls bob
bob presses *71003
wait 3s
bob hangs up
wait 2s
from RemoveFromBridge on alice talks to carol
from RemoveFromBridge on alice hears no music
alice hangs up
wait 2s
carol is gone
alice is gone
`,
	"completed while it rings": `carol answers after 4s
alice calls bob
bob presses *71003
wait 2s
bob hangs up
wait 1s
from Ring on at least once alice hears ringing
wait 4s
from RemoveFromBridge on alice talks to carol
alice hangs up
wait 2s
carol is gone
alice is gone
`,
	"completed while it rings, and it is in vain": `carol is silent
alice calls bob
bob presses *71003
wait 2s
bob hangs up
wait 20s
alice is gone
carol is gone
`,
	"busy": `alice calls bob
bob presses *71999
wait 9s
alice talks to bob
alice hears no music
alice hangs up
wait 2s
bob is gone
`,
	"gone at once": `alice calls bob
bob presses *71995
wait 9s
alice talks to bob
alice hears no music
bob hangs up
wait 2s
alice is gone
`,
	"silent": `alice calls bob
bob presses *71998
wait 20s
alice talks to bob
alice hears no music
alice hangs up
wait 2s
bob is gone
`,
	"the target hangs up": `alice calls bob
bob presses *71003
wait 3s
carol hangs up
wait 3s
alice talks to bob
alice hears no music
alice hangs up
wait 2s
bob is gone
`,
	"the peer hangs up while it rings": `carol is silent
alice calls bob
bob presses *71003
wait 2s
alice hangs up
wait 20s
carol is gone
alice is gone
bob is gone
`,
	"the peer hangs up": `alice calls bob
bob presses *71003
wait 3s
alice hangs up
wait 2s
from RemoveFromBridge on bob talks to carol
bob hangs up
wait 2s
carol is gone
alice is gone
`,
	"changed": `alice calls bob
bob presses *71003
wait 3s
bob presses *4
wait 3s
from StopMOH on alice talks to bob
from StopMOH on bob does not talk to carol
from StopMOH on carol hears music
from StopMOH on alice hears no music
bob hangs up
wait 3s
from StopMOH on alice talks to carol
from StopMOH on carol hears no music
alice hangs up
wait 2s
carol is gone
alice is gone
`,
	"all three": `alice calls bob
bob presses *71003
wait 3s
bob presses *3
wait 2s
bob presses *3
wait 2s
from RemoveFromBridge on alice talks to bob
from RemoveFromBridge on bob talks to carol
from RemoveFromBridge on carol talks to alice
carol hangs up
wait 2s
alice talks to bob
alice hears no music
alice hangs up
wait 2s
bob is gone
`,
	"two at once": `alice calls bob
alice presses *71003 and bob presses *71003
wait 4s
from RemoveFromBridge on at least once carol rings
alice presses *1 and bob presses *1
wait 2s
alice presses *1 and bob presses *1
wait 2s
alice talks to bob
carol is gone
alice hangs up
wait 2s
bob is gone
`,
	"who is muted by itself": `alice calls bob
alice presses *61
wait 1s
bob presses *71003
wait 3s
bob presses *1
wait 2s
bob presses *1
wait 2s
from StartMOH on alice is muted
alice hears no music
alice hangs up
wait 2s
bob is gone
`,
	"recorded": `alice calls bob
bob presses *9
wait 1s
bob presses *71003
wait 3s
bob presses *2
wait 2s
bob presses *2
wait 2s
from RemoveFromBridge on alice talks to carol
no state is longer than 2000
alice hangs up
wait 2s
carol is gone
bob hangs up
wait 2s
`,
}

// attendedAway are calls in which something happens while the application is dead, for a second.
var attendedAway = map[string]string{
	"the transferor hangs up": `bob hangs up
wait 3s
alice talks to carol
alice hears no music
`,
	"the peer hangs up": `alice hangs up
wait 3s
bob talks to carol
`,
	"the target hangs up": `carol hangs up
wait 3s
alice talks to bob
alice hears no music
`,
	"the transferor and the target hang up": `bob hangs up
carol hangs up
wait 3s
alice is gone
`,
	"the peer and the target hang up": `alice hangs up
carol hangs up
wait 3s
bob is gone
`,
	"all hang up": `alice hangs up
bob hangs up
carol hangs up
wait 3s
`,
}

// attendedStages are how far the transfer is then.
var attendedStages = map[string]string{
	"it talks": `bob presses *71003
wait 3s
`,
	"who waits has changed": `bob presses *71003
wait 3s
bob presses *4
wait 1s
`,
	"all three": `bob presses *71003
wait 3s
bob presses *3
wait 1s
`,
}

// attendedAll are calls in which much of it happens.
var attendedAll = map[string]string{
	"changed and taken back": `alice calls bob
bob presses *71003
wait 3s
bob presses *4
wait 1s
bob presses *4
wait 1s
bob presses *3
wait 1s
bob presses *1
`,
	"recorded and completed": `alice calls bob
bob presses *9
wait 1s
bob presses *71003
wait 3s
bob presses *4
wait 1s
bob presses *2
`,
}
