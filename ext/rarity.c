#include "rarity.h"

#include <math.h>

/* Bits, in eighths, that a byte is worth in source code, documentation and configuration. Bytes above
 * ASCII are worth RARE. */
static const uint8_t byte_bits[128] = {
    45, 88, 89, 92, 92, 94, 96, 96, 84, 66, 43, 100, 99, 98, 101, 93,
    93, 98, 94, 98, 99, 100, 98, 101, 98, 102, 101, 101, 101, 101, 102, 98,
    22, 73, 59, 60, 60, 73, 72, 58, 55, 55, 60, 71, 53, 56, 55, 58,
    57, 59, 60, 64, 66, 64, 65, 68, 66, 66, 59, 62, 63, 59, 59, 74,
    70, 57, 65, 58, 62, 55, 63, 66, 66, 57, 73, 70, 60, 64, 59, 60,
    61, 72, 59, 56, 56, 65, 69, 70, 68, 70, 73, 69, 67, 69, 75, 44,
    71, 41, 55, 47, 47, 34, 49, 54, 50, 40, 70, 60, 44, 50, 41, 42,
    49, 69, 41, 40, 38, 49, 60, 60, 60, 56, 70, 66, 72, 66, 73, 101,
};
enum { RARE = 99 };

/* What is added if a byte of the second class follows one of the first: letters follow letters. */
enum { CLASSES = 6 };
static const int8_t pair_bits[CLASSES][CLASSES] = {
    {-6, 19, 11, 6, 4, 26},
    {10, -21, -1, 11, 2, 8},
    {15, 0, -29, 5, -6, 6},
    {6, 3, 2, -10, -2, 26},
    {6, 0, 2, -4, -9, 12},
    {25, 7, 7, 27, 12, -36},
};

static unsigned class_of(uint8_t byte)
{
    if (byte >= 'a' && byte <= 'z')
        return 0;
    if (byte >= 'A' && byte <= 'Z')
        return 1;
    if (byte >= '0' && byte <= '9')
        return 2;
    if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r')
        return 3;
    return byte > ' ' && byte < 128 ? 4 : 5;
}

int rarity_of_byte(uint8_t byte)
{
    return byte < 128 ? byte_bits[byte] : RARE;
}

int rarity_after(uint8_t before, uint8_t byte)
{
    int bits = rarity_of_byte(byte) + pair_bits[class_of(before)][class_of(byte)];
    return bits > 4 ? bits : 4;
}

double rarity_to_frequency(int bits)
{
    return exp2(-bits / 8.0);
}
