/* The bundled hello-world image's only program. */
#include <unistd.h>

int main(void)
{
    static const char text[] =
        "\n"
        "Hello from AotRuntime!\n"
        "This message shows that your installation appears to be working correctly.\n"
        "\n"
        "To get here, every step went through one binary under five names:\n"
        " 1. docker asked dockerd for a container; the image was not there yet.\n"
        " 2. dockerd pulled \"hello-world\" from a registry, checking every digest.\n"
        " 3. dockerd asked containerd for a task; containerd started containerd-shim.\n"
        " 4. containerd-shim called runc, which made the container and is gone again.\n"
        " 5. The output flowed back: container, shim, dockerd, docker, your terminal.\n"
        "\n";
    const char *rest = text;
    size_t left = sizeof text - 1;
    while (left > 0) {
        ssize_t n = write(1, rest, left);
        if (n <= 0)
            return 1;
        rest += n;
        left -= (size_t)n;
    }
    return 0;
}
