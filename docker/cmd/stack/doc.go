// Command stack runs docker/compose.yaml and docker/compose.cluster.yaml on an engine, as a user does, and proves what they
// promise: make docker-test. Each run is a project of its own with names, ports and a network of its own, so that it leaves a
// lab on the same engine alone; all that it has started and built is removed at its end, by those names. Base images and what
// the engine has cached of the build stay, so that the next run is quick.
package main
