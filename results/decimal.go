package results

import (
	"fmt"
	"strconv"
	"strings"
)

// maxExponent bounds the decimal exponents that shift accepts; float64 ends at
// 1e308 and 5e-324.
const maxExponent = 400

// shift multiplies a decimal number, as written, by 10^by and returns it as
// written. Unlike a multiplication in float64 it can be undone exactly: most
// 17-digit values in ms have no float64 in ns that leads back to them.
func shift(number string, by int) (string, error) {
	mantissa, exponent := number, 0
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		e, err := strconv.Atoi(number[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return "", fmt.Errorf("number %.40q has an exponent outside ±%d", number, maxExponent)
		}
		mantissa, exponent = number[:i], e
	}
	sign := ""
	if rest, ok := strings.CutPrefix(mantissa, "-"); ok {
		sign, mantissa = "-", rest
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("%.40q is not a decimal number", number)
	}
	point := len(whole) + exponent + by // digits before the decimal point
	trimmed := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	if trimmed == "" {
		return "0", nil
	}
	return sign + place(trimmed, point), nil
}

// place sets the decimal point after the first n of digits, which neither
// start nor end with 0; an exponent replaces long runs of zeros.
func place(digits string, n int) string {
	switch {
	case n < -5 || n > 21:
		first, rest := digits[:1], digits[1:]
		if rest != "" {
			rest = "." + rest
		}
		return fmt.Sprintf("%s%se%+03d", first, rest, n-1)
	case n <= 0:
		return "0." + strings.Repeat("0", -n) + digits
	case n >= len(digits):
		return digits + strings.Repeat("0", n-len(digits))
	default:
		return digits[:n] + "." + digits[n:]
	}
}
