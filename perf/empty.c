/* The floor of every start-up figure: a static program that does nothing. */
int main(void)
{
    return 0;
}
