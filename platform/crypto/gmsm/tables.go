package main

import (
	"math/big"
	"sync"
	_ "unsafe" // for go:linkname

	"github.com/emmansun/gmsm/sm2"
)

// gmsm's point of the curve in Jacobian coordinates, and its assembly, which it keeps to itself: the version in go.mod is the
// one that they are taken from, and another that has them no more does not build.

type element [4]uint64

type point struct{ x, y, z element }

type affine struct{ x, y element }

//go:linkname multiply github.com/emmansun/gmsm/internal/sm2ec.p256Mul
//go:noescape
func multiply(product, a, b *element)

//go:linkname square github.com/emmansun/gmsm/internal/sm2ec.p256Sqr
//go:noescape
func square(result, a *element, times int)

//go:linkname invert github.com/emmansun/gmsm/internal/sm2ec.p256Inverse
func invert(inverse, a *element)

//go:linkname addAffine github.com/emmansun/gmsm/internal/sm2ec.p256PointAddAffineAsm
//go:noescape
func addAffine(sum, a *point, b *affine, sign, isB, isA int)

//go:linkname double github.com/emmansun/gmsm/internal/sm2ec.p256PointDoubleAsm
//go:noescape
func double(result, a *point)

//go:linkname readPoint github.com/emmansun/gmsm/internal/sm2ec.(*SM2P256Point).SetBytes
func readPoint(result *point, encoded []byte) (*point, error)

//go:linkname xOf github.com/emmansun/gmsm/internal/sm2ec.(*SM2P256Point).BytesX
func xOf(p *point) ([]byte, error)

// multiples of a point: d·2^(8i)·P at [i][d−1], so that k·P is a sum of one for each byte of k that is not zero. Variable
// time: for public values only.
type multiples [32][255]affine

func multiplesOf(encoded []byte) (*multiples, error) {
	var base point
	if _, err := readPoint(&base, encoded); err != nil {
		return nil, err
	}
	table := new(multiples)
	for i := range table {
		first := toAffine(&base)
		table[i][0] = first
		var sum point
		double(&sum, &base)
		table[i][1] = toAffine(&sum)
		for d := 2; d < 255; d++ {
			addAffine(&sum, &sum, &first, 0, 1, 1)
			table[i][d] = toAffine(&sum)
		}
		for range 8 {
			double(&base, &base)
		}
	}
	return table, nil
}

func toAffine(p *point) affine {
	var inverse, power element
	invert(&inverse, &p.z)
	square(&power, &inverse, 1)
	var result affine
	multiply(&result.x, &p.x, &power)
	multiply(&power, &power, &inverse)
	multiply(&result.y, &p.y, &power)
	return result
}

// add adds k·P to sum. isAny says whether sum is more than the point at infinity, which the assembly does not know; so does
// what is returned.
func (table *multiples) add(sum *point, k *big.Int, isAny bool) bool {
	var digits [32]byte
	k.FillBytes(digits[:])
	for i := range table {
		digit := digits[31-i]
		if digit == 0 {
			continue
		}
		addAffine(sum, sum, &table[i][digit-1], 0, 1, flag(isAny))
		isAny = true
	}
	return isAny
}

func flag(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// base has the multiples of the generator.
var base = sync.OnceValue(func() *multiples {
	curve := sm2.P256().Params()
	var encoded [keyBytes]byte
	encoded[0] = 4
	curve.Gx.FillBytes(encoded[1:33])
	curve.Gy.FillBytes(encoded[33:])
	return must(multiplesOf(encoded[:]))
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
