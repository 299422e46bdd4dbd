// The accelerator: SM2 verification of many signatures in one call, by gmsm's assembly, for accelerator.ts.
// Public values only; keys that sign stay with the card and OpenSSL.
package main

/*
#include <stdint.h>
*/
import "C"

import (
	"crypto/ecdsa"
	"math/big"
	"sync"
	"unsafe"

	"github.com/emmansun/gmsm/sm2"
)

const (
	keyBytes       = 65
	signatureBytes = 64
	maxKeys        = 4096
)

var (
	mutex sync.RWMutex
	keys  = map[[keyBytes]byte]*ecdsa.PublicKey{}
)

func bytes(p *C.uint8_t, length int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), length)
}

// keyOf parses a key once; nil if it is no point on the curve.
func keyOf(raw []byte) *ecdsa.PublicKey {
	id := [keyBytes]byte(raw)
	mutex.RLock()
	key, known := keys[id]
	mutex.RUnlock()
	if known {
		return key
	}
	key, err := sm2.NewPublicKey(raw)
	if err != nil {
		return nil
	}
	mutex.Lock()
	if len(keys) >= maxKeys {
		clear(keys)
	}
	keys[id] = key
	mutex.Unlock()
	return key
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
	id := bytes(userId, int(userIdLength))
	signed := bytes(signatures, n*signatureBytes)
	out := bytes(answers, n)
	from := uint32(0)
	var r, s big.Int
	for i := range n {
		message := all[from:stops[i]]
		from = stops[i]
		key := keyOf(raw[i*keyBytes : (i+1)*keyBytes])
		if key == nil {
			out[i] = 2
			continue
		}
		signature := signed[i*signatureBytes : (i+1)*signatureBytes]
		r.SetBytes(signature[:32])
		s.SetBytes(signature[32:])
		out[i] = 0
		if sm2.VerifyWithSM2(key, id, message, &r, &s) {
			out[i] = 1
		}
	}
}

func main() {}
