//! Polynomials over GF(2) modulo the Castagnoli polynomial, as CRC-32C writes them: bit 31 is the coefficient of x^0.

/// The Castagnoli polynomial without x^32, reflected (RFC 9260 appendix A: 0x1edc6f41, reflected 0x82f63b78).
pub(crate) const POLYNOMIAL: u32 = 0x82f6_3b78;

/// 1, the polynomial x^0.
const ONE: u32 = 1 << 31;

/// `a * x`.
pub(crate) const fn times_x(a: u32) -> u32 {
    (a >> 1) ^ (POLYNOMIAL & (a & 1).wrapping_neg())
}

/// `a * b`.
pub(crate) const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 0;
    while bit < 32 {
        product ^= b & (a << bit & ONE).wrapping_shr(31).wrapping_neg();
        b = times_x(b);
        bit += 1;
    }
    product
}

/// x^(2^i); the exponents of a power are its set bits.
const SQUARES: [u32; 67] = {
    let mut table = [times_x(ONE); 67];
    let mut i = 1;
    while i < 67 {
        table[i] = multiply(table[i - 1], table[i - 1]);
        i += 1;
    }
    table
};

/// x^(n * 2^shift), `shift` at most 3.
const fn power_shifted(mut n: u64, shift: usize) -> u32 {
    let mut product = ONE;
    let mut i = shift;
    while n != 0 {
        if n & 1 == 1 {
            product = multiply(SQUARES[i], product);
        }
        n >>= 1;
        i += 1;
    }
    product
}

/// x^n.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn power(n: u64) -> u32 {
    power_shifted(n, 0)
}

/// x^(8 n): what `n` bytes that follow multiply a CRC by.
pub(crate) const fn power_of_bytes(n: u64) -> u32 {
    power_shifted(n, 3)
}

/// The constant that moves a 64-bit half over `n` bits with a carry-less multiplication: x^n in the upper 32 of 33 bits.
///
/// The product of reflected numbers comes out one bit low; the doubling puts that right.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn fold_constant(n: u64) -> i64 {
    (power(n) as i64) << 1
}
