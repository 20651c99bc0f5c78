/* What keeps a container running for the exec row. */
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
