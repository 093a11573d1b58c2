/* unity_output.c: Unity's characters go to UART 0; what doesn't fit into its ring is waited for. */
#include "board/board.h"

void unity_output(int c);

void unity_output(int c)
{
    const char byte = (char)c;
    while (board_uart_write(0, &byte, 1) == 0) {
        board_wait(board_now() + 1);
    }
}
