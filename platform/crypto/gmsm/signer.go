package main

import (
	"crypto/ecdsa"
	"math/big"
	"sync"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

const (
	maxSigners = 4096
	// A table takes half a MiB, and as long as five hundred signatures.
	maxTables = 64
	// By then it is a key that is seen again (docs/adr/0019).
	oftenSeen = 8
)

type signerId struct {
	key    [keyBytes]byte
	userId string
}

// signer is a public key, and what is made of it once.
type signer struct {
	key    *ecdsa.PublicKey
	userId string
	// GB/T 32918.2 §5.5
	z     []byte
	seen  atomic.Int64
	table atomic.Pointer[multiples]
}

var (
	mutex   sync.RWMutex
	signers = map[signerId]*signer{}
	tables  int
	order   = sm2.P256().Params().N
)

// signerOf is nil if the key is no point on the curve.
func signerOf(key [keyBytes]byte, userId string) *signer {
	id := signerId{key, userId}
	mutex.RLock()
	by, isKnown := signers[id]
	mutex.RUnlock()
	if !isKnown {
		if by = newSigner(id); by == nil {
			return nil
		}
		mutex.Lock()
		if len(signers) >= maxSigners {
			clear(signers)
			tables = 0
		}
		signers[id] = by
		mutex.Unlock()
	}
	if by.seen.Add(1) == oftenSeen {
		by.makeTable(key[:])
	}
	return by
}

func newSigner(id signerId) *signer {
	key, err := sm2.NewPublicKey(id.key[:])
	if err != nil {
		return nil
	}
	z, err := sm2.CalculateZA(key, []byte(id.userId))
	if err != nil {
		return nil
	}
	return &signer{key: key, userId: id.userId, z: z}
}

func (by *signer) makeTable(encoded []byte) {
	mutex.Lock()
	hasRoom := tables < maxTables
	if hasRoom {
		tables++
	}
	mutex.Unlock()
	if hasRoom {
		by.table.Store(must(multiplesOf(encoded)))
	}
}

// verify is GB/T 32918.2 §7.1.
func (by *signer) verify(message []byte, r, s *big.Int) bool {
	table := by.table.Load()
	if table == nil {
		return by.verifyAlone(message, r, s)
	}
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return false
	}
	var t, e, x big.Int
	if t.Add(r, s); t.Cmp(order) >= 0 {
		t.Sub(&t, order)
	}
	if t.Sign() == 0 {
		return false
	}
	var sum point
	isAny := base().add(&sum, s, false)
	table.add(&sum, &t, isAny)
	encodedX, err := xOf(&sum)
	if err != nil {
		// The assembly cannot add two points that are one, and says infinity.
		return by.verifyAlone(message, r, s)
	}
	digest := sm3.New()
	digest.Write(by.z)
	digest.Write(message)
	e.SetBytes(digest.Sum(nil))
	e.Add(&e, x.SetBytes(encodedX))
	return e.Mod(&e, order).Cmp(r) == 0
}

func (by *signer) verifyAlone(message []byte, r, s *big.Int) bool {
	return sm2.VerifyWithSM2(by.key, []byte(by.userId), message, r, s)
}
