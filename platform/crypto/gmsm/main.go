// The accelerator: SM2 verification of many signatures in one call, by gmsm's assembly, for accelerator.ts.
// Public values only; keys that sign stay with the card and OpenSSL.
package main

/*
#include <stdint.h>
*/
import "C"

import (
	"math/big"
	"unsafe"
)

const (
	keyBytes       = 65
	signatureBytes = 64
)

func bytes(p *C.uint8_t, length int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), length)
}

// sm2_verify_many checks count signatures (r ‖ s) of messages that lie one after the other in `messages` and end at
// `ends`; answers[i] is 1 if the i-th is right, 0 if it is not, 2 if its key is no key.
//
//export sm2_verify_many
func sm2_verify_many(count C.int, publicKeys, messages *C.uint8_t, ends *C.uint32_t, userId *C.uint8_t, userIdLength C.int, signatures, answers *C.uint8_t) {
	n := int(count)
	if n == 0 {
		return
	}
	stops := unsafe.Slice((*uint32)(unsafe.Pointer(ends)), n)
	raw := bytes(publicKeys, n*keyBytes)
	all := bytes(messages, int(stops[n-1]))
	id := string(bytes(userId, int(userIdLength)))
	signed := bytes(signatures, n*signatureBytes)
	out := bytes(answers, n)
	from := uint32(0)
	var r, s big.Int
	for i := range n {
		message := all[from:stops[i]]
		from = stops[i]
		by := signerOf([keyBytes]byte(raw[i*keyBytes:(i+1)*keyBytes]), id)
		if by == nil {
			out[i] = 2
			continue
		}
		signature := signed[i*signatureBytes : (i+1)*signatureBytes]
		r.SetBytes(signature[:32])
		s.SetBytes(signature[32:])
		out[i] = 0
		if by.verify(message, &r, &s) {
			out[i] = 1
		}
	}
}

func main() {}
