// Package store keeps metaflows documents and small records in NATS KV buckets and has them in memory, the
// documents merged, before the first key is pressed.
//
// What is stored is the truth: the bytes that Put was given. For each Store and Records one goroutine watches the keys
// under their prefix; readers take what is in memory then. What a change costs does not depend on how much there is. What
// does not pass validation in the bucket (written by somebody else, or by another version) is logged and has no effect; it can still be replaced and deleted.
//
// Until everything is loaded nothing is known and nothing can be changed (ErrLoading), unless there is a file. An account whose
// call is there has its codes before that: Ahead reads its documents alone.
//
// A change may expect what is stored before it (Expect); NATS compares, so that this holds between instances too.
//
// A Quota counts what each account has, and refuses what would be more than it may have. What is being stored counts from
// before it is sent until memory has it, so that many at once do not pass together; what nobody knows the fate of, because the
// answer has not come, counts for a while. What is there already, by a larger limit or by others, stays.
//
// While an external NATS is away, everything is read from memory as it was known last, and changes fail. For a start
// without NATS it is also kept in a file, where one is given: every change is written to it, and a new Store or Records
// begin with what it holds, until the bucket has been loaded. From then on the bucket is the truth, also about what it does
// not hold; but for a bucket of our own embedded server that was lost: it is filled from the file.
package store
